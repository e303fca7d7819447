//! What happens later.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use coveo_push::fake::{ClockOffset, FakePushApi};
use coveo_push::{DocumentBody, IdentityBody, SecurityIdentityType};
use tokio::time::advance;

use super::support::{PROVIDER, SOURCE, fake};

const MINUTE: Duration = Duration::from_secs(60);

async fn with_items(ids: &[(&str, u64)]) -> FakePushApi {
    let fake = fake();
    for (id, ordering_id) in ids {
        let push = fake.client().items(SOURCE).add_or_update(*id, &DocumentBody::new()).ordering_id(*ordering_id);
        let _ = push.await.unwrap();
    }
    fake
}

#[tokio::test(start_paused = true)]
async fn a_delete_of_old_items_waits_15_minutes_and_takes_what_is_strictly_older() {
    let fake = with_items(&[("https://a", 1), ("https://b", 2), ("https://c", 3)]).await;
    let _ = fake.client().items(SOURCE).delete_older_than(2).await.unwrap();
    advance(15 * MINUTE - Duration::from_millis(1)).await;
    assert_eq!(fake.source(SOURCE).len(), 3);
    advance(Duration::from_millis(1)).await;
    assert_eq!(fake.source(SOURCE).document_ids(), ["https://b", "https://c"]);
}

#[tokio::test(start_paused = true)]
async fn a_delete_of_old_items_waits_as_long_as_it_says() {
    let fake = with_items(&[("https://a", 1)]).await;
    let _ = fake.client().items(SOURCE).delete_older_than(2).queue_delay(2 * MINUTE).await.unwrap();
    advance(MINUTE).await;
    assert_eq!(fake.source(SOURCE).len(), 1);
    advance(MINUTE).await;
    assert!(fake.source(SOURCE).is_empty());
}

#[tokio::test]
async fn a_delete_of_old_items_without_a_delay_is_done_at_once() {
    let fake = with_items(&[("https://a", 1)]).await;
    let _ = fake.client().items(SOURCE).delete_older_than(2).queue_delay(Duration::ZERO).await.unwrap();
    assert!(fake.source(SOURCE).is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_pushed_again_before_the_delete_is_carried_out_stays() {
    let fake = with_items(&[("https://a", 1), ("https://b", 1)]).await;
    let items = fake.client().items(SOURCE);
    let _ = items.delete_older_than(2).await.unwrap();
    let _ = items.add_or_update("https://a", &DocumentBody::new()).ordering_id(2).await.unwrap();
    let _ = items.add_or_update("https://c", &DocumentBody::new()).ordering_id(1).await.unwrap();
    advance(15 * MINUTE).await;
    assert_eq!(fake.source(SOURCE).document_ids(), ["https://a"]);
}

#[tokio::test]
async fn what_is_due_happens_as_time_passes() {
    let fake = with_items(&[("https://a", 1)]).await;
    let _ = fake.client().items(SOURCE).delete_older_than(2).await.unwrap();
    fake.pass_time(14 * MINUTE);
    assert_eq!(fake.source(SOURCE).len(), 1);
    fake.pass_time(MINUTE);
    assert!(fake.source(SOURCE).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_delete_of_old_identities_disables_them_later() {
    let fake = fake();
    let identities = fake.client().identities(PROVIDER);
    let _ = identities.add_or_update(&IdentityBody::user("a")).ordering_id(1).await.unwrap();
    let _ = identities.add_or_update(&IdentityBody::user("b")).ordering_id(2).await.unwrap();
    let _ = identities.delete_older_than(2).await.unwrap();
    let is_disabled = |name| fake.provider(PROVIDER).identity(name, SecurityIdentityType::User).unwrap().is_disabled();
    assert!(!is_disabled("a"));
    advance(15 * MINUTE).await;
    assert!(is_disabled("a") && !is_disabled("b"));
}

#[tokio::test(start_paused = true)]
async fn the_service_s_clock_moves_with_paused_time() {
    let fake = fake();
    let before = fake.now();
    advance(90 * MINUTE).await;
    assert_eq!(fake.now().duration_since(before).unwrap(), 90 * MINUTE);
}

#[tokio::test(start_paused = true)]
async fn the_ordering_id_and_the_date_are_by_the_service_s_clock() {
    let ahead = Duration::from_secs(3_600);
    let fake = FakePushApi::builder().source(SOURCE).clock_offset(ClockOffset::Ahead(ahead)).build();
    let accepted = fake.client().items(SOURCE).add_or_update("https://a", &DocumentBody::new()).await.unwrap();
    let off = fake.now().duration_since(SystemTime::now()).unwrap();
    assert!(off > ahead - Duration::from_secs(5) && off <= ahead, "{off:?}");
    let millis = fake.now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    assert_eq!(u128::from(fake.source(SOURCE).items()[0].ordering_id().get()), millis);
    let date = accepted.server_time().unwrap().duration_since(UNIX_EPOCH).unwrap();
    assert_eq!(u128::from(date.as_secs()), millis / 1000);
}

#[tokio::test]
async fn a_clock_beyond_all_dates_stays_at_the_edge() {
    let fake = fake();
    fake.set_clock_offset(ClockOffset::Behind(Duration::MAX));
    assert_eq!(fake.now(), UNIX_EPOCH);
    let items = fake.client().items(SOURCE);
    let accepted = items.add_or_update("https://a", &DocumentBody::new()).await.unwrap();
    assert_eq!(accepted.server_time(), Some(UNIX_EPOCH));
    fake.set_clock_offset(ClockOffset::Ahead(Duration::MAX));
    let accepted = items.add_or_update("https://a", &DocumentBody::new()).await.unwrap();
    assert_eq!(accepted.server_time().unwrap(), UNIX_EPOCH + Duration::from_secs(253_402_300_799));
}
