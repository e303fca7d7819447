//! The catalog of a small shop: products, variants and the stores that have them. A refresh, a price change, a merge
//! and a load.
//!
//! ```sh
//! cargo run --example catalog
//! ```

mod shared;

use std::time::Duration;

use coveo_push::fake::FakePushApi;
use coveo_push::{Catalog, CatalogItems, DocumentBody, PartialUpdate, PushError, PushQueue};

const SOURCE: &str = "my-catalog";

#[tokio::main]
async fn main() -> Result<(), shared::Failure> {
    // With credentials this is `PushClient::builder_from_env()?.build()?`.
    let fake = FakePushApi::builder().catalog_source(SOURCE).build();
    let catalog = fake.client().catalog(SOURCE);
    let shoes = [("001", "Soccer shoe", 49.0), ("002", "Running shoe", 89.0)];

    println!("Every night: push everything again, and delete the rest.");
    let run = catalog.refresh().expect_at_least(2).start().await?;
    push(run.pusher(), &shoes).await?;
    println!("{}", run.finish().await.into_result()?);

    println!("Every minute: prices and stock.");
    change(&catalog).await?;

    println!("Everything at once, or nothing.");
    let load = catalog.load().expect_at_least(2).start().await?;
    push(load.pusher(), &shoes[1..]).await?;
    println!("{}", load.finish().await.into_result()?);

    fake.pass_time(Duration::from_secs(15 * 60));
    println!("The catalog holds {}.", fake.source(SOURCE).document_ids().join(", "));
    Ok(())
}

/// A product with one variant each, and a store that has all variants.
async fn push(items: &PushQueue<CatalogItems>, shoes: &[(&str, &str, f64)]) -> Result<(), PushError> {
    for (id, name, price) in shoes {
        let product = DocumentBody::new()
            .object_type("Product")
            .metadata("ec_product_id", *id)
            .metadata("ec_name", *name)
            .metadata("ec_price", *price);
        items.add_or_update(format!("product://{id}"), &product).await?;
        let variant = DocumentBody::new()
            .object_type("Variant")
            .metadata("ec_product_id", *id)
            .metadata("ec_variant_id", format!("{id}-42"));
        items.add_or_update(format!("variant://{id}-42"), &variant).await?;
    }
    let variants: Vec<String> = shoes.iter().map(|(id, ..)| format!("{id}-42")).collect();
    let store = DocumentBody::new()
        .object_type("Availability")
        .metadata("ec_availability_id", "berlin")
        .metadata("ec_available_items", variants);
    items.add_or_update("store://berlin", &store).await?;
    Ok(())
}

async fn change(catalog: &Catalog) -> Result<(), shared::Failure> {
    let updater = catalog.updater().start();
    updater.partial_update(PartialUpdate::replace("product://001", "ec_price", 39.0)).await?;
    updater.partial_update(PartialUpdate::array_append("store://berlin", "ec_available_items", ["002-43"])).await?;
    println!("{}", updater.finish().await.into_result()?);

    // A merge adds an item that does not exist yet.
    let merger = catalog.merger().start();
    merger.add_or_merge("product://002", &DocumentBody::new().metadata("ec_in_stock", false)).await?;
    println!("{}", merger.finish().await.into_result()?);
    Ok(())
}
