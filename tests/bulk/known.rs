//! Identities are known when they were accepted.

use coveo_push::fake::Fault;
use coveo_push::{Identity, IdentityBody, KnownIdentities, MappedIdentity, MappedIdentityBody, Operation};

use super::support::{Handed, PROVIDER, fake, secs};

const COMMIT: Operation = Operation::PushIdentityContainer;

#[tokio::test(start_paused = true)]
async fn an_identity_is_known_when_it_is_accepted_and_not_when_it_is_taken() {
    let fake = fake();
    let known = KnownIdentities::new();
    let run = fake.client().identities(PROVIDER).pusher().linger(secs(86_400)).known_identities(&known).start();
    let group = IdentityBody::group("Staff").member(Identity::user("ann")).well_known(Identity::group("All"));
    run.add_or_update(&group).await.unwrap();
    let alias = MappedIdentityBody::user("bob").alias(MappedIdentity::user("bob@example.com"));
    run.add_or_update_alias(&alias).await.unwrap();
    assert!(known.is_empty());
    run.flush().await.unwrap();
    assert_eq!(known.len(), 4);
    run.delete(&Identity::user("bob")).await.unwrap();
    assert_eq!(known.len(), 4);
    run.finish().await.into_result().unwrap();
    assert_eq!(known.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_identity_of_a_failed_batch_is_known_when_it_is_pushed_again_with_success() {
    for by_itself in [true, false] {
        let fake = fake();
        fake.inject(Fault::on(COMMIT).status(413));
        let (known, handed) = (KnownIdentities::new(), Handed::default());
        let run = fake.client().identities(PROVIDER).pusher().known_identities(&known);
        let run = run.on_failed_batch(handed.handler()).start();
        run.add_or_update(&IdentityBody::user("ann")).await.unwrap();
        run.flush().await.unwrap();
        assert!(known.is_empty());
        let failed = handed.take().remove(0);
        if by_itself {
            failed.push_again().await.unwrap();
        } else {
            run.push_again(failed).await.unwrap();
        }
        run.flush().await.unwrap();
        assert_eq!(known.len(), 1);
        let _ = run.finish().await;
    }
}
