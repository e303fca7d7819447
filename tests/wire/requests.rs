//! One test for each operation: method, path, query, every header, body.

use std::time::Duration;

use coveo_push::fake::FakePushApi;
use coveo_push::{
    BatchDocumentBody, BatchIdentityBody, CompressionType, Content, DeletedDocument, DocumentBody, Identity,
    IdentityBody, MappedIdentity, MappedIdentityBody, Operation, PermissionIdentity, PermissionSet, Preflight,
    PushError, Pushed, SourceStatus,
};
use serde_json::{Value, json};

use super::calls::call;
use super::support::{BATCH, DOCUMENTS, FILES, OURS, Reply, SIGNATURE, Service, Socket, builder};

const ID: &str = "https://example.com/a b?c=d&e=ü#f";
const ENCODED_ID: &str = "https%3A%2F%2Fexample.com%2Fa%20b%3Fc%3Dd%26e%3D%C3%BC%23f";
const PERMISSIONS: &str = "/push/v1/organizations/my-org/providers/My%20Provider%2F1/permissions";

#[tokio::test]
async fn set_status_posts_the_status_in_the_query_and_no_body() {
    let service = Service::start().await;
    let _ = service.client().sources().set_status("my-source", SourceStatus::Rebuild).await.unwrap();
    let target = "/push/v1/organizations/my-org/sources/my-source/status?statusType=REBUILD";
    service.only().await.is("POST", target, None);
}

#[tokio::test]
async fn every_status_goes_out_in_upper_case() {
    let service = Service::start().await;
    for status in [SourceStatus::Rebuild, SourceStatus::Refresh, SourceStatus::Incremental, SourceStatus::Idle] {
        let _ = service.client().sources().set_status("s", status).await.unwrap();
    }
    let queries: Vec<String> =
        service.sent().await.iter().map(|sent| sent.target.split_once('?').unwrap().1.to_owned()).collect();
    assert_eq!(queries, ["statusType=REBUILD", "statusType=REFRESH", "statusType=INCREMENTAL", "statusType=IDLE"]);
}

#[tokio::test]
async fn an_item_is_put_with_its_id_in_the_query_and_its_body_as_json() {
    let service = Service::start().await;
    let set = PermissionSet::new().allow(PermissionIdentity::virtual_group("g")).deny(PermissionIdentity::user("u"));
    let doc = DocumentBody::text("words").title("T").file_extension(".txt").parent_id("https://p").permissions(set);
    let _ = service.client().items("my-source").add_or_update(ID, &doc).await.unwrap();
    let body = json!({
        "data": "words",
        "title": "T",
        "fileExtension": ".txt",
        "parentId": "https://p",
        "permissions": [{
            "allowAnonymous": false,
            "allowedPermissions": [{"identity": "g", "identityType": "VirtualGroup"}],
            "deniedPermissions": [{"identity": "u", "identityType": "User"}],
        }],
    });
    service.only().await.is("PUT", &format!("{DOCUMENTS}?documentId={ENCODED_ID}"), Some(body));
}

#[tokio::test]
async fn an_item_without_permissions_says_nothing_of_them() {
    let service = Service::start().await;
    let _ = service.client().items("my-source").add_or_update("https://a", &DocumentBody::text("w")).await.unwrap();
    assert_eq!(service.only().await.body, br#"{"data":"w"}"#);
}

#[tokio::test]
async fn the_ordering_id_of_an_item_goes_into_the_query_beyond_63_bits() {
    let service = Service::start().await;
    let call = service.client().items("my-source").add_or_update("https://a", &DocumentBody::new());
    let _ = call.ordering_id(u64::MAX).await.unwrap();
    let target = format!("{DOCUMENTS}?documentId=https%3A%2F%2Fa&orderingId=18446744073709551615");
    service.only().await.is("PUT", &target, Some(json!({})));
}

#[tokio::test]
async fn json_text_is_put_as_an_item_by_the_id_of_the_call_or_of_the_text() {
    let cases = [
        (r#"{"DocumentId":"https:\/\/a","data":"w"}"#, None),
        (r#"{"data":"w"}"#, Some("https://a")),
        (r#" {"documentId":null,"data":"w"} "#, Some("https://a")),
        (r#"{"data":"w","documentId":"https://a"}"#, Some("https://a")),
    ];
    for (text, id) in cases {
        let service = Service::start().await;
        let call = service.client().items("my-source").add_or_update_json(text);
        let call = if let Some(id) = id { call.document_id(id) } else { call };
        let _ = call.await.unwrap();
        let target = format!("{DOCUMENTS}?documentId=https%3A%2F%2Fa");
        service.only().await.is("PUT", &target, Some(json!({"data": "w"})));
    }
}

#[tokio::test]
async fn json_text_that_is_no_item_or_whose_id_is_not_clear_is_refused() {
    let service = Service::start().await;
    for (text, id, rule) in [
        (r#"{"data":"w"}"#, None, "[document-id-empty]"),
        (r#"{"data":"w","documentId":null}"#, None, "[document-id-empty]"),
        (r#"{"documentId":"https://b"}"#, Some("https://a"), "[document-id-mismatch]"),
        (r#"{"documentId":1}"#, Some("https://a"), "[document-id-mismatch]"),
        (r#"{"data":"w","Data":"w"}"#, Some("https://a"), "[duplicate-key]"),
        ("[]", Some("https://a"), "[not-an-object]"),
        (r#"{"data":"w""#, Some("https://a"), "[not-an-object]"),
        (r#"{"data":"w"} {}"#, Some("https://a"), "[not-an-object]"),
    ] {
        let call = service.client().items("my-source").add_or_update_json(text);
        let call = if let Some(id) = id { call.document_id(id) } else { call };
        let error = call.await.unwrap_err().to_string();
        assert!(error.contains(rule) && error.contains(id.unwrap_or_default()), "{text}: {error}");
    }
    assert!(service.sent().await.is_empty());
}

#[tokio::test]
async fn the_compression_of_an_item_moves_from_its_body_into_the_query() {
    let service = Service::start().await;
    let doc = DocumentBody::inline("H4sI", CompressionType::GZip).title("t");
    let _ = service.client().items("my-source").add_or_update("https://a", &doc).await.unwrap();
    let target = format!("{DOCUMENTS}?documentId=https%3A%2F%2Fa&compressionType=GZIP");
    service.only().await.is("PUT", &target, Some(json!({"compressedBinaryData": "H4sI", "title": "t"})));
}

#[tokio::test]
async fn the_compression_set_on_the_call_goes_into_the_query() {
    let service = Service::start().await;
    let item = json!({"compressedBinaryData": "AAAA"});
    let call = service.client().items("my-source").add_or_update("https://a", &item);
    let _ = call.compression_type(CompressionType::Deflate).await.unwrap();
    let target = format!("{DOCUMENTS}?documentId=https%3A%2F%2Fa&compressionType=DEFLATE");
    service.only().await.is("PUT", &target, Some(item));
}

#[tokio::test]
async fn no_compression_is_named_beside_text() {
    let service = Service::start().await;
    let items = service.client().items("my-source");
    let _ = items
        .add_or_update("https://a", &json!({"data": "short"}))
        .compression_type(CompressionType::ZLib)
        .await
        .unwrap();
    let call = items.add_or_update("https://a", &json!({})).compression_type(CompressionType::ZLib);
    let _ = call.content(Content::text("short")).await.unwrap();
    let sent = service.sent().await;
    assert_eq!(sent.len(), 2);
    for sent in sent {
        sent.is("PUT", &format!("{DOCUMENTS}?documentId=https%3A%2F%2Fa"), Some(json!({"data": "short"})));
    }
}

#[tokio::test]
async fn a_queue_delay_of_more_than_32_bits_is_refused() {
    let service = Service::start().await;
    let items = service.client().items("my-source");
    let deletion = || items.delete_older_than(7);
    let error = deletion().queue_delay(Duration::MAX).await.unwrap_err().to_string();
    assert!(error.contains("at most 2147483647 minutes") && error.contains("[queue-delay]"), "{error}");
    let most = Duration::from_secs(60 * i32::MAX as u64);
    let _ = deletion().queue_delay(Duration::MAX).queue_delay(most).await.unwrap();
    let sent = service.only().await;
    assert!(sent.target.ends_with("queueDelay=2147483647"), "{}", sent.target);
}

#[tokio::test]
async fn an_id_that_fits_into_no_url_is_refused_by_its_rule_in_every_call() {
    let service = Service::start().await;
    let items = service.client().items("my-source");
    let id = format!("https://a/{}", "b".repeat(70_000));
    let pusher = items.pusher().start();
    let refused = |pushed: Result<Pushed, PushError>| pushed.unwrap().refused().unwrap().to_string();
    for error in [
        items.add_or_update(&*id, &json!({})).await.unwrap_err().to_string(),
        items.delete(&*id).await.unwrap_err().to_string(),
        items.push_batch(&BatchDocumentBody::new().delete(&*id)).await.unwrap_err().to_string(),
        refused(pusher.add_or_update(&*id, &json!({})).await),
        refused(pusher.delete(&*id).await),
    ] {
        assert!(error.contains("`https://a/bbb") && error.contains("[document-id-too-long]"), "{error}");
        assert!(error.len() < 1_000, "{}", error.len());
    }
    drop(pusher);
    assert!(service.sent().await.is_empty());
}

#[tokio::test]
async fn a_file_id_that_no_container_has_is_refused() {
    let service = Service::start().await;
    let client = service.client();
    for id in ["", " ", "x\ny", &"x".repeat(2 << 20)] {
        let items = client.items("my-source").push_container(id).await.unwrap_err();
        let identities = client.identities("P").push_container(id).await.unwrap_err();
        for error in [items, identities] {
            assert!(error.to_string().contains("[file-id]"), "{error}");
        }
    }
    assert!(service.sent().await.is_empty());
}

#[tokio::test]
async fn an_item_and_its_call_that_name_two_compressions_are_refused() {
    let service = Service::start().await;
    let doc = DocumentBody::inline("H4sI", CompressionType::GZip);
    let call = service.client().items("my-source").add_or_update("https://a", &doc);
    let error = call.compression_type(CompressionType::Lzma).await.unwrap_err();
    assert!(error.to_string().contains("[compression-type]"), "{error}");
    assert!(service.sent().await.is_empty());
}

#[tokio::test]
async fn an_item_is_deleted_by_its_id_with_no_body_and_no_content_length() {
    let service = Service::start().await;
    let _ = service.client().items("my-source").delete(ID).await.unwrap();
    service.only().await.is("DELETE", &format!("{DOCUMENTS}?documentId={ENCODED_ID}"), None);
}

#[tokio::test]
async fn children_and_ordering_id_of_a_deletion_go_into_the_query() {
    let service = Service::start().await;
    let _ = service.client().items("my-source").delete("https://a").delete_children(true).ordering_id(7).await.unwrap();
    let target = format!("{DOCUMENTS}?documentId=https%3A%2F%2Fa&deleteChildren=true&orderingId=7");
    service.only().await.is("DELETE", &target, None);
}

#[tokio::test]
async fn a_file_of_items_is_put_by_its_id_and_no_body() {
    let service = Service::start().await;
    let _ = service.client().items("my-source").push_container("f/1").ordering_id(7).await.unwrap();
    service.only().await.is("PUT", &format!("{BATCH}?fileId=f%2F1&orderingId=7"), None);
}

#[tokio::test]
async fn old_items_are_deleted_by_ordering_id() {
    let service = Service::start().await;
    let _ = service.client().items("my-source").delete_older_than(1_234).await.unwrap();
    service.only().await.is("DELETE", &format!("{DOCUMENTS}/olderthan?orderingId=1234"), None);
}

#[tokio::test]
async fn a_queue_delay_is_rounded_up_to_whole_minutes() {
    let cases = [
        (Duration::ZERO, "0"),
        (Duration::from_nanos(1), "1"),
        (Duration::from_secs(60), "1"),
        (Duration::from_millis(60_001), "2"),
        (Duration::from_secs(300), "5"),
    ];
    let service = Service::start().await;
    for (delay, _) in cases {
        let _ = service.client().items("my-source").delete_older_than(1).queue_delay(delay).await.unwrap();
    }
    for (sent, (_, minutes)) in service.sent().await.iter().zip(cases) {
        sent.is("DELETE", &format!("{DOCUMENTS}/olderthan?orderingId=1&queueDelay={minutes}"), None);
    }
}

#[tokio::test]
async fn an_identity_is_put_with_its_members_and_grants() {
    let service = Service::start().await;
    let group = IdentityBody::group("Team")
        .member(Identity::user("ann@example.com").additional_info("Desk", "4"))
        .well_known(Identity::virtual_group("All"));
    let _ = service.client().identities("My Provider/1").add_or_update(&group).ordering_id(7).await.unwrap();
    let body = json!({
        "identity": {"name": "Team", "type": "GROUP"},
        "members": [{"name": "ann@example.com", "type": "USER", "additionalInfo": {"Desk": "4"}}],
        "wellKnowns": [{"name": "All", "type": "VIRTUAL_GROUP"}],
    });
    service.only().await.is("PUT", &format!("{PERMISSIONS}?orderingId=7"), Some(body));
}

#[tokio::test]
async fn json_text_is_put_as_an_identity_in_the_casing_of_the_contract() {
    let service = Service::start().await;
    let text = r#"{"Identity":{"Name":"Team","Type":"Group"},"Members":[{"name":"ann","type":"user"}]}"#;
    let _ = service.client().identities("My Provider/1").add_or_update_json(text).ordering_id(7).await.unwrap();
    let body = json!({"identity": {"name": "Team", "type": "GROUP"}, "members": [{"name": "ann", "type": "USER"}]});
    service.only().await.is("PUT", &format!("{PERMISSIONS}?orderingId=7"), Some(body));
}

#[tokio::test]
async fn json_text_that_is_no_identity_is_refused_with_the_reason() {
    let service = Service::start().await;
    for (text, why) in [
        (r#"{"members":[]}"#, "there is no `identity`"),
        (r#"{"identity":{"name":"Team","type":"club"}}"#, "club"),
        ("[]", "[not-an-object]"),
        ("{", "[not-an-object]"),
        (r#"{"identity":{"name":"","type":"GROUP"}}"#, "[identity-name-empty]"),
    ] {
        let error = service.client().identities("p").add_or_update_json(text).await.unwrap_err().to_string();
        assert!(error.starts_with("identities.add_or_update: ") && error.contains(why), "{text}: {error}");
    }
    assert!(service.sent().await.is_empty());
}

#[tokio::test]
async fn an_alias_is_put_under_mappings() {
    let service = Service::start().await;
    let body = MappedIdentityBody::user("ann").alias(MappedIdentity::user("a@example.com").provider("Email"));
    let _ = service.client().identities("p").add_or_update_alias(&body).ordering_id(7).await.unwrap();
    let json = json!({
        "identity": {"name": "ann", "type": "USER"},
        "mappings": [{"name": "a@example.com", "type": "USER", "provider": "Email"}],
    });
    let target = "/push/v1/organizations/my-org/providers/p/mappings?orderingId=7";
    service.only().await.is("PUT", target, Some(json));
}

#[tokio::test]
async fn an_identity_is_deleted_by_a_body_on_the_delete() {
    let service = Service::start().await;
    let _ = service.client().identities("My Provider/1").delete(&Identity::user("bob")).ordering_id(7).await.unwrap();
    let body = json!({"identity": {"name": "bob", "type": "USER"}});
    service.only().await.is("DELETE", &format!("{PERMISSIONS}?orderingId=7"), Some(body));
}

#[tokio::test]
async fn a_file_of_identities_is_put_by_its_id_and_no_body() {
    let service = Service::start().await;
    let _ = service.client().identities("My Provider/1").push_container("f-1").ordering_id(7).await.unwrap();
    service.only().await.is("PUT", &format!("{PERMISSIONS}/batch?fileId=f-1&orderingId=7"), None);
}

#[tokio::test]
async fn old_identities_are_deleted_by_ordering_id_and_the_delay_only_when_it_is_set() {
    let service = Service::start().await;
    let identities = service.client().identities("My Provider/1");
    let _ = identities.delete_older_than(9).await.unwrap();
    let _ = identities.delete_older_than(9).queue_delay(Duration::from_secs(61)).await.unwrap();
    let sent = service.sent().await;
    sent[0].is("DELETE", &format!("{PERMISSIONS}/olderthan?orderingId=9"), None);
    sent[1].is("DELETE", &format!("{PERMISSIONS}/olderthan?orderingId=9&queueDelay=2"), None);
}

#[tokio::test]
async fn a_container_is_created_by_a_post_that_asks_for_virtual_hosted_urls() {
    let service = Service::start().await;
    let container = service.client().file_containers().create().await.unwrap();
    service.only().await.is("POST", &format!("{FILES}?useVirtualHostedStyleUrl=true"), None);
    assert_eq!(container, service.container());
}

#[tokio::test]
async fn a_container_is_created_without_virtual_hosted_urls_when_told_so() {
    let service = Service::start().await;
    let _ = service.client().file_containers().create().use_virtual_hosted_style_url(false).await.unwrap();
    service.only().await.is("POST", &format!("{FILES}?useVirtualHostedStyleUrl=false"), None);
}

#[tokio::test]
async fn a_container_that_is_created_with_200_is_taken_too() {
    let service = Service::start().await;
    let answer = json!({"UploadUri": "https://s3/x", "FileId": "f", "RequiredHeaders": {"a": "b"}});
    service.always("POST", FILES, wiremock::ResponseTemplate::new(200).set_body_json(answer)).await;
    assert_eq!(service.client().file_containers().create().await.unwrap().file_id(), "f");
}

#[tokio::test]
async fn a_batch_of_items_is_a_container_an_upload_and_a_push_in_that_order() {
    let service = Service::start().await;
    let batch = BatchDocumentBody::new()
        .add_or_update("https://a", DocumentBody::inline("AAAA", CompressionType::Deflate).metadata("n", 1))
        .delete("https://b")
        .delete(DeletedDocument::new("https://c/").delete_children(true));
    let pushed = service.client().items("my-source").push_batch(&batch).ordering_id(7).await.unwrap();
    let sent = service.sent().await;
    assert_eq!(sent.len(), 3);
    sent[0].is("POST", &format!("{FILES}?useVirtualHostedStyleUrl=true"), None);
    assert_eq!((sent[1].method.as_str(), sent[1].target.as_str()), ("PUT", &*format!("/bucket/file-1?{SIGNATURE}")));
    assert_eq!(
        serde_json::from_slice::<Value>(&sent[1].body).unwrap(),
        json!({
            "addOrUpdate": [
                {"documentId": "https://a", "compressedBinaryData": "AAAA", "compressionType": "DEFLATE", "n": 1},
            ],
            "delete": [
                {"documentId": "https://b", "deleteChildren": false},
                {"documentId": "https://c/", "deleteChildren": true},
            ],
        })
    );
    sent[2].is("PUT", &format!("{BATCH}?orderingId=7&fileId=file-1"), None);
    assert_eq!((pushed.file_id(), pushed.bytes()), (Some("file-1"), Some(sent[1].body.len() as u64)));
}

#[tokio::test]
async fn a_batch_of_identities_is_a_container_an_upload_and_a_push_in_that_order() {
    let service = Service::start().await;
    let batch = BatchIdentityBody::new()
        .add_or_update(IdentityBody::group("g").member(Identity::user("u")))
        .add_or_update_alias(MappedIdentityBody::user("u").alias(MappedIdentity::user("v")))
        .delete(Identity::user("w"));
    let _ = service.client().identities("My Provider/1").push_batch(&batch).await.unwrap();
    let sent = service.sent().await;
    assert_eq!(
        service.steps().await,
        [format!("POST {FILES}"), "PUT /bucket/file-1".to_owned(), format!("PUT {PERMISSIONS}/batch")]
    );
    assert_eq!(
        serde_json::from_slice::<Value>(&sent[1].body).unwrap(),
        json!({
            "members": [{"identity": {"name": "g", "type": "GROUP"}, "members": [{"name": "u", "type": "USER"}]}],
            "mappings": [{"identity": {"name": "u", "type": "USER"}, "mappings": [{"name": "v", "type": "USER"}]}],
            "deleted": [{"identity": {"name": "w", "type": "USER"}}],
        })
    );
    sent[2].is("PUT", &format!("{PERMISSIONS}/batch?fileId=file-1"), None);
}

#[tokio::test]
async fn an_empty_batch_is_never_sent() {
    let service = Service::start().await;
    let items = service.client().items("my-source").push_batch(&BatchDocumentBody::new()).await.unwrap_err();
    let identities = service.client().identities("p").push_batch(&BatchIdentityBody::new()).await.unwrap_err();
    for error in [items, identities] {
        assert!(error.to_string().contains("[batch-empty]"), "{error}");
    }
    assert!(service.sent().await.is_empty());
}

#[tokio::test]
async fn a_batch_of_json_text_with_a_list_of_another_kind_is_refused_by_the_name_of_the_list() {
    let service = Service::start().await;
    let of_items = r#"{"addOrUpdate":[{"documentId":"https://a"}]}"#;
    for (is_of_items, list, json) in [
        (true, "objects", r#"{"objects":[{"documentId":"https://a"}]}"#),
        (true, "partialUpdate", r#"{"addOrUpdate":[],"partialUpdate":[{}]}"#),
        (true, "members", r#"{"members":[1]}"#),
        (true, "documentId", r#"{"documentId":"https://a"}"#),
        (false, "addOrUpdate", of_items),
    ] {
        let client = service.client();
        let push = match is_of_items {
            true => client.items("my-source").push_batch_json(json),
            false => client.identities("p").push_batch_json(json),
        };
        let error = push.await.unwrap_err().to_string();
        let expected = if is_of_items { "addOrUpdate, delete" } else { "members, mappings, deleted" };
        assert!(error.contains(&format!("unknown list `{list}`; expected one of {expected}")), "{error}");
        assert!(error.contains("[unknown-list]"), "{error}");
    }
    assert!(service.sent().await.is_empty());
    let _ = service.client().items("my-source").push_batch_json(of_items.replace("addOr", "AddOr")).await.unwrap();
}

#[tokio::test]
async fn a_batch_of_json_text_that_holds_nothing_or_is_none_is_never_sent() {
    let service = Service::start().await;
    for (items, identities, rule) in [
        ("{}", "{}", "[batch-empty]"),
        (r#"{"addOrUpdate":[],"delete":null}"#, r#"{"members":[],"MAPPINGS":null}"#, "[batch-empty]"),
        (r#"{"addOrUpdate":{}}"#, r#"{"deleted":{}}"#, "[not-an-object]"),
        (r#"{"addOrUpdate":[1"#, r#"{"deleted":[1"#, "[not-an-object]"),
        ("[]", "[]", "[not-an-object]"),
    ] {
        let items = service.client().items("my-source").push_batch_json(items).await.unwrap_err();
        let identities = service.client().identities("p").push_batch_json(identities).await.unwrap_err();
        for error in [items, identities] {
            assert!(error.to_string().contains(rule), "{error}");
        }
    }
    assert!(service.sent().await.is_empty());
}

#[tokio::test]
async fn the_user_agent_names_the_calling_program_first() {
    let service = Service::start().await;
    let client = service.builder().user_agent("my-connector/1.2").build().unwrap();
    let _ = client.items("s").push_container("f").await.unwrap();
    assert_eq!(service.only().await.header("user-agent"), Some(&*format!("my-connector/1.2 {OURS}")));
}

#[tokio::test]
async fn every_call_of_the_service_has_the_content_type_of_json_and_an_upload_has_that_of_its_container() {
    let fake = FakePushApi::builder().source("s").provider("p").build();
    let client = fake.client_builder().logs_calls(1_000, Duration::from_millis(1)).build().unwrap();
    let container = client.file_containers().create().await.unwrap();
    for operation in Operation::ALL {
        // Refused or not: it is sent.
        let _ = call(&client, *operation, &container).await;
    }
    let requests = fake.requests();
    for operation in Operation::ALL {
        let request = requests.iter().find(|request| request.operation() == Some(*operation)).unwrap();
        let expected = match *operation {
            Operation::UploadToContainer => Some("application/octet-stream"),
            operation if operation.method() == http::Method::GET => None,
            _ => Some("application/json"),
        };
        let content_type = request.headers().get("content-type");
        assert_eq!(content_type.map(|it| it.to_str().unwrap()), expected, "{operation}");
    }
}

#[tokio::test]
async fn a_put_without_a_body_says_on_the_socket_that_it_has_no_bytes() {
    let socket = Socket::start([Reply::answer("202 Accepted", "")]).await;
    let _ = builder(&socket.host).build().unwrap().items("my source").push_container("f&g").await.unwrap();
    let head = &socket.heads()[0];
    let mut lines: Vec<String> = head.lines().map(str::to_owned).collect();
    assert_eq!(
        lines.remove(0),
        "PUT /push/v1/organizations/my-org/sources/my%20source/documents/batch?fileId=f%26g HTTP/1.1"
    );
    lines.iter_mut().for_each(|line| *line = line.to_lowercase());
    lines.sort();
    let host = socket.host.strip_prefix("http://").unwrap();
    let expected = [
        "accept: application/json".to_owned(),
        "authorization: bearer xx-1234-key".to_owned(),
        "content-length: 0".to_owned(),
        "content-type: application/json".to_owned(),
        format!("host: {host}"),
        format!("user-agent: {OURS}"),
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_post_without_a_body_says_on_the_socket_that_it_has_no_bytes() {
    let socket = Socket::start([Reply::answer("201 Created", "{}")]).await;
    let client = builder(&socket.host).build().unwrap();
    let _ = client.sources().set_status("s", SourceStatus::Idle).await.unwrap();
    let head = socket.heads()[0].to_lowercase();
    assert!(head.contains("\r\ncontent-length: 0"), "{head}");
    assert!(!head.contains("transfer-encoding"), "{head}");
}

#[tokio::test]
async fn an_item_whose_compression_is_none_is_refused() {
    let service = Service::start().await;
    let item = json!({"compressedBinaryData": "AAAA", "compressionType": "brotli"});
    let error = service.client().items("my-source").add_or_update("https://a", &item).await.unwrap_err();
    assert!(error.to_string().contains("unknown compression type `brotli`"), "{error}");
    assert!(service.sent().await.is_empty());
}

#[tokio::test]
async fn what_the_service_would_drop_is_refused_sent_with_a_warning_or_just_sent() {
    let service = Service::start().await;
    let item = DocumentBody::text("w");
    let push = |preflight| {
        let client = service.builder().preflight(preflight).build().unwrap();
        client.items("my-source").add_or_update("no uri", &item).into_future()
    };
    let error = push(Preflight::Refuse).await.unwrap_err();
    assert!(error.to_string().starts_with("items.add_or_update: `no uri`: "), "{error}");
    assert!(service.sent().await.is_empty());
    let warned = push(Preflight::Warn).await.unwrap();
    assert_eq!(
        warned.warnings().iter().map(|finding| finding.rule().code()).collect::<Vec<_>>(),
        ["document-id-not-a-uri"]
    );
    assert!(push(Preflight::Off).await.unwrap().warnings().is_empty());
    assert_eq!(service.sent().await.len(), 2);
}

#[tokio::test]
async fn what_breaks_a_rule_of_a_batch_is_refused_before_the_container() {
    let service = Service::start().await;
    let batch = BatchDocumentBody::new().add_or_update("https://a", DocumentBody::new()).delete("https://a");
    let error = service.client().items("my-source").push_batch(&batch).await.unwrap_err();
    assert!(error.to_string().contains("[document-id-twice]"), "{error}");
    assert!(service.sent().await.is_empty());
}
