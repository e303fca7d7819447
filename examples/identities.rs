//! Security identities: groups with their members, aliases, and how they go again.
//!
//! Items name identities in their permissions, and the service drops an item that names one it does
//! not know: push identities first.
//!
//! ```sh
//! cargo run --example identities
//! ```

mod shared;

use coveo_push::{BatchIdentityBody, Error, Identity, IdentityBody, MappedIdentity, MappedIdentityBody, PushClient};

#[tokio::main]
async fn main() -> Result<(), shared::Failure> {
    let setup = shared::Setup::new()?;
    push_identities(&setup.client, setup.provider_id()?).await?;
    Ok(())
}

async fn push_identities(client: &PushClient, provider_id: &str) -> Result<(), Error> {
    let identities = client.identities(provider_id);

    // A group is pushed whole, each time: a member that is left out is removed from it.
    let board = IdentityBody::group("Board")
        .member(Identity::user("asmith@example.com"))
        .member(Identity::user("bjones@example.com"))
        .member(Identity::virtual_group("Auditors"));
    identities.add_or_update(&board).await?;

    // Who signs in to search does so by e-mail address: say which one is whose.
    let alias = MappedIdentityBody::user("asmith@example.com")
        .alias(MappedIdentity::user("alice.smith@example.com").provider("Email Security Provider"));
    identities.add_or_update_alias(&alias).await?;

    // Several at once, in the three lists that a batch has.
    let batch = BatchIdentityBody::new()
        .add_or_update(IdentityBody::virtual_group("Auditors").member(Identity::user("cdoe@example.com")))
        .add_or_update_alias(
            MappedIdentityBody::user("cdoe@example.com")
                .alias(MappedIdentity::user("carol.doe@example.com").provider("Email Security Provider")),
        )
        .delete(Identity::user("former.member@example.com"));
    identities.push_batch(&batch).await?;

    // Disables the identity. The items that name it stay, and it opens none of them any more.
    identities.delete(&Identity::user("bjones@example.com")).await?;
    Ok(())
}
