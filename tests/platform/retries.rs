//! Nothing is created twice, whatever happens to a request.

use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::platform::{FieldModel, FieldOutcome, NewSecurityProvider, NewSource, Privilege};
use coveo_push::{Host, Identity, IdentityBody, Operation, PushClient, RetryPolicy};

use super::support::{count, empty};

/// Creates one of each.
async fn create(client: &PushClient, operation: Operation) -> Result<(), coveo_push::Error> {
    let platform = client.platform();
    match operation {
        Operation::CreateSource => platform.create_source(NewSource::push("wiki")).await.map(drop),
        Operation::CreateSecurityProvider => {
            platform.create_provider(NewSecurityProvider::for_source("p", "s")).await.map(drop)
        }
        _ => platform.create_fields([FieldModel::string("wikitags")]).await.map(|results| {
            assert_eq!(results[0].outcome(), &FieldOutcome::Created);
        }),
    }
}

const CREATIONS: [Operation; 3] = [Operation::CreateSource, Operation::CreateSecurityProvider, Operation::CreateFields];

/// How many there are of what an operation creates.
async fn created(fake: &FakePushApi, operation: Operation) -> usize {
    let platform = fake.client().platform();
    match operation {
        Operation::CreateSource => platform.sources().await.unwrap().len(),
        Operation::CreateSecurityProvider => usize::from(platform.provider("p").await.is_ok()),
        _ => platform.fields().await.unwrap().iter().filter(|field| field.name() == "wikitags").count(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_creation_without_a_response_is_looked_for_before_it_is_sent_again() {
    for operation in CREATIONS {
        let (fake, client) = empty();
        fake.inject(Fault::on(operation).reset_after());
        create(&client, operation).await.unwrap();
        assert_eq!((count(&fake, operation), created(&fake, operation).await), (1, 1), "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_creation_that_was_not_carried_out_is_sent_again() {
    for operation in CREATIONS {
        for fault in [Fault::on(operation).reset_before(), Fault::on(operation).status(503)] {
            let (fake, client) = empty();
            fake.inject(fault);
            create(&client, operation).await.unwrap();
            assert_eq!((count(&fake, operation), created(&fake, operation).await), (2, 1), "{operation}");
        }
        let (fake, client) = empty();
        fake.inject(Fault::on(operation).status(429).times(4));
        create(&client, operation).await.unwrap();
        assert_eq!((count(&fake, operation), created(&fake, operation).await), (5, 1), "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_creation_that_fails_each_time_is_given_up_after_three() {
    for operation in CREATIONS {
        let (fake, client) = empty();
        fake.inject(Fault::on(operation).status(500).always());
        let error = create(&client, operation).await.unwrap_err();
        assert_eq!(error.operation(), Some(operation), "{error}");
        assert!(error.may_have_been_applied());
        assert_eq!((count(&fake, operation), created(&fake, operation).await), (3, 0), "{operation}");
        fake.clear_requests();
        let once = fake.client_builder().retry(RetryPolicy::none()).build().unwrap();
        create(&once, operation).await.unwrap_err();
        assert_eq!(count(&fake, operation), 1, "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deletion_whose_first_response_was_lost_succeeds() {
    let (fake, client) = empty();
    let platform = client.platform();
    let id = platform.create_source(NewSource::push("wiki")).await.unwrap().id().to_owned();
    create(&client, Operation::CreateSecurityProvider).await.unwrap();
    fake.inject(Fault::on(Operation::DeleteSource).reset_after());
    fake.inject(Fault::on(Operation::DeleteSecurityProvider).reset_after());
    platform.delete_source(&id).await.unwrap();
    platform.delete_provider("p").await.unwrap();
    assert_eq!((count(&fake, Operation::DeleteSource), count(&fake, Operation::DeleteSecurityProvider)), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_every_other_call_of_the_platform_api_is_retried() {
    let (fake, client) = empty();
    let platform = client.platform();
    let id = platform.create_source(NewSource::push("wiki")).await.unwrap().id().to_owned();
    create(&client, Operation::CreateSecurityProvider).await.unwrap();
    let _ = client.identities("p").add_or_update(&IdentityBody::user("u")).await.unwrap();
    fake.clear_requests();
    let others = || {
        let of_platform = Operation::ALL.iter().copied().filter(|operation| operation.host() == Host::Platform);
        of_platform.filter(|operation| !CREATIONS.contains(operation))
    };
    others().for_each(|operation| fake.inject(Fault::on(operation).reset_after()));
    // Clients of their own: one retry budget is not enough for all.
    let platform = || fake.client().platform();
    platform().sources().await.unwrap();
    let source = platform().source(&id).await.unwrap();
    platform().update_source(&source).await.unwrap();
    platform().provider("p").await.unwrap();
    platform().create_provider(NewSecurityProvider::for_source("p", &id)).await.unwrap();
    platform().fields().await.unwrap();
    platform().limits().await.unwrap();
    platform().organization_status().await.unwrap();
    platform().resume_organization().await.unwrap();
    platform().has_privilege(Privilege::new("SOURCE", "VIEW")).await.unwrap();
    fake.client().identities("p").state(&Identity::user("u")).await.unwrap();
    fake.client().identities("p").in_error().await.unwrap();
    platform().delete_provider("p").await.unwrap();
    platform().delete_source(&id).await.unwrap();
    assert_eq!(fake.faults_left(), 0);
    for operation in others() {
        assert!(count(&fake, operation) >= 2, "{operation}");
    }
}
