//! The OpenAPI document and the page that shows it.

use crate::client::{Answer, Client};
use crate::document::document;
use crate::served::Served;

fn policy(answer: &Answer) -> &str {
    answer.header("content-security-policy").unwrap()
}

/// What a browser would fetch for a page: the values of `src` and `href`.
fn references(page: &str) -> Vec<&str> {
    let values = ["src=\"", "href=\""].into_iter().flat_map(|name| page.split(name).skip(1));
    values.map(|rest| rest.split('"').next().unwrap()).collect()
}

#[tokio::test]
async fn the_document_is_served_as_it_is_tested() {
    let served = Served::new().await;
    let mut client = served.client().await;
    let answer = client.get("/openapi.json").await;
    assert_eq!(answer.ok(200), document().json);
    let tag = answer.header("etag").unwrap().to_owned();
    let again = client.send("GET", "/openapi.json", &[("If-None-Match", &tag)], None).await;
    assert_eq!(again.status, 304);
}

#[tokio::test]
async fn the_page_works_without_any_other_server() {
    let served = Served::new().await;
    let mut client = served.client().await;
    let home = client.get("/").await;
    assert_eq!((home.status, home.header("location")), (307, Some("docs")));
    let page = client.get("/docs").await;
    assert_eq!(page.status, 200);
    let html = String::from_utf8(page.body.clone()).unwrap();
    let found = references(&html);
    assert!(found.contains(&"docs/docs.js") && found.contains(&"docs/swagger-ui.css"), "{html}");
    for reference in found {
        // Relative to the page, and there.
        assert!(!reference.contains(':') && !reference.starts_with('/'), "{reference}");
        let file = client.get(&format!("/{reference}")).await;
        assert_eq!(file.status, 200, "{reference}");
        assert!(policy(&file).contains("default-src 'none'"), "{reference}");
        if reference.ends_with(".css") {
            check_style(&String::from_utf8(file.body).unwrap());
        }
    }
    // No script in the midst of the page, and none that would need one.
    assert_eq!(html.matches("<script").count(), html.matches("<script src=").count());
    let policy = policy(&page);
    for part in ["default-src 'none'", "script-src 'self';", "connect-src 'self'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("http") && !policy.contains('*') && !policy.contains("eval"));
    // Swagger UI asks a validator elsewhere about the document where it is not told.
    let script = client.get("/docs/docs.js").await;
    let script = String::from_utf8(script.body).unwrap();
    assert!(script.contains("validatorUrl: null") && !script.contains("//www"), "{script}");
}

/// A style refers to nothing but what it holds.
fn check_style(style: &str) {
    assert!(!style.contains("@import"));
    for reference in style.split("url(").skip(1) {
        let reference = reference.trim_start_matches(['"', '\'']);
        assert!(reference.starts_with("data:"), "{}", &reference[..80.min(reference.len())]);
    }
}

#[tokio::test]
async fn a_head_is_a_get_without_its_body() {
    let served = Served::new().await;
    let mut client = served.client().await;
    for path in ["/", "/docs", "/docs/swagger-ui-bundle.js", "/openapi.json"] {
        let whole = client.get(path).await;
        let head = client.send("HEAD", path, &[], None).await;
        assert_eq!((head.status, head.body.len()), (whole.status, 0), "{path}");
        let length = whole.body.len().to_string();
        let told = head.header("content-length").unwrap_or("0");
        assert_eq!(told, length, "{path}");
        assert_eq!(head.header("etag"), whole.header("etag"), "{path}");
    }
    for file in ["index.html", "oauth2-redirect.html", "..%2Fdocs.rs", "%2e%2e", "swagger-ui"] {
        let refused = client.get(&format!("/docs/{file}")).await;
        refused.problem(404, "not_found");
    }
    Client::connect(served.address).await.get("/livez").await.ok(200);
}
