//! A round of catalogs: updates, merges, and refreshes and loads, each in a catalog of its own and all at the same time,
//! in some phases, each with faults of its own.

use std::time::Duration;

use fastrand::Rng;

use crate::bulk;
use crate::corpus;
use crate::figures::Figures;
use crate::merges::{MERGED, Merges};
use crate::plan::Plan;
use crate::products::{LOADED, Products};
use crate::updates::{UPDATED, Updates};
use crate::world::{CALM, Side, World};

pub(crate) async fn run(rng: Rng, figures: &mut Figures) -> Result<(), String> {
    let catalogs = [UPDATED, LOADED, MERGED];
    let mut world = World::new(rng, |fake| {
        // A load counts on an hour.
        let fake = fake.container_lifetime(Duration::from_secs(3_600));
        catalogs.into_iter().fold(fake, |fake, id| fake.catalog_source(id))
    });
    let [updated, loaded, merged] = catalogs.map(|_| corpus::product_ids(&mut world.rng));
    let mut updates = Side::<Updates>::new(&world.fake, updated, []);
    let mut products = Side::<Products>::new(&world.fake, loaded, []);
    let mut merges = Side::<Merges>::new(&world.fake, merged, []);
    for _ in 0..world.rng.u32(1..5) {
        let client = world.client()?;
        let (now, last) = (world.now()?, world.last);
        world.draw_faults();
        let updating = Plan::draw(&mut world.rng, &updates.keys, &mut world.last, now);
        let renewing = Plan::draw(&mut world.rng, &products.keys, &mut world.last, now);
        let merging = Plan::draw(&mut world.rng, &merges.keys, &mut world.last, now);
        let (updated, renewed, merged) = tokio::join!(
            bulk::run(client.clone(), updating),
            bulk::run(client.clone(), renewing),
            bulk::run(client, merging)
        );
        world.fake.pass_time(CALM);
        let (updated, renewed, merged) = (updated?, renewed?, merged?);
        figures.count_catalogs(&updated, &renewed, &merged);
        world.settle(&mut updates, &updated, last, figures).await?;
        world.settle(&mut products, &renewed, last, figures).await?;
        world.settle(&mut merges, &merged, last, figures).await?;
        world.calm().await;
    }
    figures.count_faults(&world.transport);
    Ok(())
}
