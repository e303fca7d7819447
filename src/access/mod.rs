//! Who will see an item: the service's rules for effective permissions, evaluated locally.
//!
//! The service does not tell in advance who will find an item. That follows from three things that a
//! connector pushes: the [`Permissions`](crate::Permissions) of the item, the security identities with
//! their members, and the aliases between them. [`IdentityGraph`](crate::IdentityGraph) takes the same bodies that you push.
//! [`Permissions::evaluate`](crate::Permissions::evaluate) returns the verdict with its reason.
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
//! // Look a person up once, then ask about any number of items.
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
//! Levels are evaluated in order, and the first level that decides wins. The simplified model has one
//! level ([article 107](https://docs.coveo.com/en/107/)); the complete model has any number
//! ([article 25](https://docs.coveo.com/en/25/)). In each level:
//!
//! 1. A viewer whom any set denies is **denied**. Denial prevails over everything else in the level.
//! 2. A viewer whom all sets allow is **allowed**. A set allows the viewers that it names, and everybody
//!    when it has `allowAnonymous: true`.
//! 3. Otherwise the level does not decide, and the next one is evaluated. If no level decides, access is
//!    **unknown**, and the item is not shown.
//!
//! A permission refers to a person when it names one of their identities: the identity itself, an alias
//! of it, or a group that one of these is a member of or is granted, directly or through other groups.
//!
//! # Readings
//!
//! Where the service's documentation is silent, or shows something only in an example:
//!
//! | Question | Reading |
//! |---|---|
//! | An unauthenticated user, and a set with `allowAnonymous: false` | Denied by that set, so no later level is evaluated. The reference says so in its example of two levels; for a person it says "unknown" in the same place. |
//! | `allowAnonymous: true`, and a denied list | Everybody is allowed except those whom the level denies. |
//! | A level without sets, or permissions without levels | It decides about nobody. |
//! | A person whom one set of a level allows and another set does not name | The level does not decide, and the next one is evaluated. |
//! | Upper and lower case in names and providers | Compared case-sensitively. |
//! | A permission that names the `Group` X, and a user X | Not the same: the type is part of the identity, `Unknown` too. A `VirtualGroup` works like a group, and is not the `Group` of the same name. |
//! | `additionalInfo` | Informational. It is not part of the identity. |
//! | No provider in a permission, an alias or a viewer's identity | The graph's default: the first provider of the source. |
//! | The provider of members and granted identities | That of the identity that names them. |
//! | The direction of an alias | None: both are the same person or group, so everything that holds for one holds for the other. An alias of an alias is an alias, too. |
//! | A disabled identity | No permission refers to it, and no path starts at it, ends at it or leads through it. It still sees items that are open to everybody. An identity can be disabled before it was ever pushed; pushing it enables it again. |
//! | An identity that was never pushed | Permissions that name it refer to it, and it has no groups or aliases. (A secured source drops items that name an unknown identity.) |
//! | `wellKnowns` in the push of members and in the push of aliases | The last one counts; the service asks for the same in both. |
//! | The e-mail address that a person signs in with | An identity of the `Email Security Provider` like any other. Only an alias makes it the same person as a user of another provider; equal spelling does not. |

mod closure;
mod evaluate;
pub(crate) mod graph;
pub(crate) mod path;
pub(crate) mod relation;
pub(crate) mod verdict;
pub(crate) mod viewer;
