//! Who will see an item: the service's rules for effective permissions, evaluated here.
//!
//! The service tells nobody beforehand who will find an item. Who sees it follows from three things
//! that a connector pushes: the [`Permissions`](crate::Permissions) of the item, the security
//! identities and their members, and the aliases between them. [`IdentityGraph`] takes the same
//! bodies that are pushed; [`Permissions::evaluate`](crate::Permissions::evaluate) gives the verdict,
//! with its reason.
//!
//! ```
//! use coveo_push::{Identity, IdentityBody, IdentityGraph, PermissionIdentity, PermissionSet, Permissions, Viewer};
//!
//! let mut graph = IdentityGraph::new("My Provider");
//! graph
//!     .identities("My Provider")
//!     .add_or_update(&IdentityBody::group("Staff").member(Identity::group("Editors")))
//!     .add_or_update(&IdentityBody::group("Editors").member(Identity::user("asmith@example.com")));
//!
//! let permissions = Permissions::from(
//!     PermissionSet::new()
//!         .allow(PermissionIdentity::group("Staff"))
//!         .deny(PermissionIdentity::user("bjones@example.com")),
//! );
//!
//! // Looks up once who a person is, for any number of items.
//! let alice = graph.viewer(Identity::user("asmith@example.com"));
//! let access = permissions.evaluate(&alice);
//! assert!(access.is_allowed());
//! assert_eq!(access.to_string(), "allowed in level 1: by set 1 (asmith@example.com -> Editors -> Staff)");
//!
//! let bob = graph.viewer(Identity::user("bjones@example.com"));
//! assert_eq!(permissions.evaluate(&bob).to_string(), "denied in level 1, set 1 (bjones@example.com)");
//! assert!(!permissions.evaluate(&Viewer::unauthenticated()).is_allowed());
//! ```
//!
//! # The rules
//!
//! The levels are asked in their order, and the first one that decides counts. The simplified model
//! is one level ([article 107](https://docs.coveo.com/en/107/)); the complete one has any number
//! ([article 25](https://docs.coveo.com/en/25/)). In a level,
//!
//! 1. whom any of its sets denies is **denied**, whatever else is said: denial prevails;
//! 2. whom all of its sets allow is **allowed**. A set allows those whom it names, and everybody when
//!    it says `allowAnonymous: true`;
//! 3. of all others the level says nothing, and the next one is asked. Where no level is left the
//!    access is **unknown**, and the item is not shown.
//!
//! A permission is about a person when it names who they are: their identity, an alias of it, or a
//! group that one of these is in, directly or through other groups, or that one of these is granted.
//!
//! # Which reading was taken
//!
//! Where the service's documentation leaves something open, or says it in an example alone:
//!
//! | Question | Reading |
//! |---|---|
//! | Who does not sign in, and a set says `allowAnonymous: false` | Denied by that set, so no later level is asked. The reference says so in the example of two levels; of a person it says "unknown" in the same place. |
//! | `allowAnonymous: true`, and a denied list | Everybody is allowed but those whom the level denies. |
//! | A level without sets, or permissions without any | It decides about nobody. |
//! | A person whom one set of a level allows and another does not name | The level says nothing, and the next is asked. |
//! | Upper and lower case in names and providers | It matters: they are compared as they are written. |
//! | A permission that names the `Group` X, and a user X | Not the same: the type is part of who an identity is, `Unknown` too. A `VirtualGroup` works as a group does, and is not the `Group` of that name. |
//! | `additionalInfo` | For people to look at. It is no part of who an identity is. |
//! | No provider in a permission, an alias or a person asked about | The graph's default: the first provider of the source. |
//! | The provider of members and of granted identities | That of the identity that names them. |
//! | The direction of an alias | None: both are the same person or group, so what is said of either holds for both; and an alias of an alias is one as well. |
//! | A disabled identity | It is nobody: no permission that names it is about anyone, and no path leads from it, to it, or through it. What everybody is allowed, it is allowed. It can be disabled without having been pushed, and to be pushed enables it again. |
//! | An identity that nobody pushed | It is itself, and no more: a permission that names it is about it. (Of items that name one, a secured source says that it does not know it, and drops them.) |
//! | `wellKnowns` in the push of members and in that of aliases | The last one counts, as the service asks that they be the same in both. |
//! | The e-mail address that a person signs in with | An identity like others, of the `Email Security Provider`. It is the same person as a user of another provider by an alias alone, not by being written the same. |

mod evaluate;
mod graph;
mod path;
mod verdict;
mod viewer;

pub use graph::{GraphIdentities, IdentityGraph};
pub use path::{MembershipPath, Relation};
pub use verdict::{Access, Reason};
pub use viewer::Viewer;
