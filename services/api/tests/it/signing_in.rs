//! The dashboard's cookie: how it is got, what it opens, and whose pages it serves.

use serde_json::json;
use sigma_api::http::Limits;

use super::platform::{Answer, Platform, TOKEN};

const JSON: (&str, &str) = ("content-type", "application/json");

async fn sign_in(platform: &Platform, token: &str, headers: &[(&str, &str)]) -> Answer {
    let all = [&[JSON], headers].concat();
    platform.send("POST", "/auth/sign-in", &all, json!({ "token": token }).to_string().as_bytes()).await
}

async fn ask(platform: &Platform, headers: &[(&str, &str)]) -> Answer {
    let all = [&[JSON], headers].concat();
    platform.send("POST", "/graphql", &all, br#"{"query":"{ __typename }"}"#).await
}

#[tokio::test]
async fn a_token_becomes_a_cookie_that_scripts_and_other_sites_do_not_get() {
    let platform = Platform::start().await;
    let answer = sign_in(&platform, TOKEN, &[]).await;
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    let cookie = answer.header("set-cookie").expect("a cookie");
    assert!(cookie.starts_with("sigma_session=") && !cookie.contains(TOKEN), "{cookie}");
    for part in ["; Path=/", "; HttpOnly", "; SameSite=Strict", "; Max-Age=2592000"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "{cookie}");
}

#[tokio::test]
async fn behind_https_the_cookie_is_kept_off_plain_http() {
    let adjust = |parts: &mut sigma_api::http::Parts| {
        parts.addresses.public_url = Some("https://live.example".to_owned());
    };
    let platform = Platform::made(Limits::default(), adjust).await;
    let answer = sign_in(&platform, TOKEN, &[("origin", "https://live.example")]).await;
    let cookie = answer.header("set-cookie").expect("a cookie");
    assert!(cookie.starts_with("__Host-sigma_session=") && cookie.ends_with("; Secure"), "{cookie}");
    let cookie = cookie.split(';').next().expect("a pair");
    let ours = [("cookie", cookie), ("sec-fetch-site", "same-origin")];
    assert_eq!(ask(&platform, &ours).await.json(), json!({ "data": { "__typename": "Query" } }));
    let planted = cookie.replace("__Host-", "");
    let planted = [("cookie", planted.as_str()), ("sec-fetch-site", "same-origin")];
    assert_eq!(ask(&platform, &planted).await.json()["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"));
    let proxied = |parts: &mut sigma_api::http::Parts| {
        parts.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
    };
    let platform = Platform::made(Limits::default(), proxied).await;
    let answer = sign_in(&platform, TOKEN, &[("x-forwarded-proto", "https")]).await;
    assert!(answer.header("set-cookie").is_some_and(|cookie| cookie.ends_with("; Secure")));
}

#[tokio::test]
async fn the_cookie_speaks_for_pages_of_ours_and_for_no_others() {
    let platform = Platform::start().await;
    let cookie = platform.signed_in().await;
    let cookie = ("cookie", cookie.as_str());
    let host = format!("http://{}", platform.address);
    let ours = [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "none"), ("origin", host.as_str())];
    for header in ours {
        let answer = ask(&platform, &[cookie, header]).await;
        assert_eq!(
            (answer.status, answer.json()),
            (200, json!({ "data": { "__typename": "Query" } })),
            "{header:?}"
        );
    }
    let foreign = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "http://evil.example"),
    ];
    for header in foreign {
        let answer = ask(&platform, &[cookie, header]).await;
        assert_eq!(answer.status, 403, "{header:?}");
        assert_eq!(answer.json()["errors"][0]["extensions"]["reason"], "FOREIGN_ORIGIN");
    }
    assert_eq!(ask(&platform, &[cookie]).await.status, 403);
    // A form's types never reach the API, wherever they come from.
    let form = [("content-type", "text/plain"), cookie, ("sec-fetch-site", "same-origin")];
    assert_eq!(platform.send("POST", "/graphql", &form, br#"{"query":"{ __typename }"}"#).await.status, 400);
    // A header of one's own counts before any cookie.
    let bearer = format!("Bearer {TOKEN}");
    let both = [cookie, ("authorization", bearer.as_str()), ("origin", "http://evil.example")];
    assert_eq!(ask(&platform, &both).await.status, 200);
    let wrong = [cookie, ("authorization", "Bearer wrong"), ("sec-fetch-site", "same-origin")];
    assert_eq!(ask(&platform, &wrong).await.json()["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_cookie_that_is_not_ours_is_none() {
    let platform = Platform::start().await;
    let headers = [("cookie", "sigma_session=AAAA"), ("sec-fetch-site", "same-origin")];
    assert_eq!(ask(&platform, &headers).await.json()["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
}

#[tokio::test]
async fn signing_out_takes_the_cookie_away() {
    let platform = Platform::start().await;
    let answer = platform.send("POST", "/auth/sign-out", &[], b"").await;
    assert_eq!(answer.status, 204);
    let cookie = answer.header("set-cookie").expect("a cookie");
    assert!(cookie.starts_with("sigma_session=; ") && cookie.contains("; Max-Age=0"), "{cookie}");
    let foreign = platform.send("POST", "/auth/sign-out", &[("sec-fetch-site", "cross-site")], b"").await;
    assert_eq!((foreign.status, foreign.header("set-cookie")), (403, None));
}

#[tokio::test]
async fn a_page_of_another_site_signs_nobody_in() {
    let platform = Platform::start().await;
    for header in [("sec-fetch-site", "cross-site"), ("origin", "http://evil.example")] {
        let answer = sign_in(&platform, TOKEN, &[header]).await;
        assert_eq!((answer.status, answer.header("set-cookie")), (403, None), "{header:?}");
    }
}

#[tokio::test]
async fn what_is_no_sign_in_is_told_without_what_was_sent() {
    let platform = Platform::start().await;
    let wrong = sign_in(&platform, "the-wrong-secret", &[]).await;
    assert_eq!((wrong.status, wrong.json()["error"]["code"].as_str()), (401, Some("UNAUTHENTICATED")));
    assert!(!wrong.text().contains("the-wrong-secret"));
    for body in ["", "{}", "{\"token\":\"the-wrong-secret\"", "{\"token\":{\"the-wrong-secret\":1}}"] {
        let answer = platform.send("POST", "/auth/sign-in", &[JSON], body.as_bytes()).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(!answer.text().contains("the-wrong-secret"), "{}", answer.text());
    }
    let form = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(platform.send("POST", "/auth/sign-in", &form, b"token=x").await.status, 400);
    let long = json!({ "token": "x".repeat(10_000) }).to_string();
    assert_eq!(platform.send("POST", "/auth/sign-in", &[JSON], long.as_bytes()).await.status, 413);
}

#[tokio::test]
async fn failed_sign_ins_make_their_address_wait() {
    let adjust = |parts: &mut sigma_api::http::Parts| {
        parts.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
    };
    let platform = Platform::made(Limits { sign_ins_address: 3, ..Limits::default() }, adjust).await;
    let from = |address: &'static str| [("x-forwarded-for", address)];
    for _ in 0..4 {
        assert_eq!(sign_in(&platform, "wrong", &from("192.0.2.1")).await.status, 401);
    }
    let answer = sign_in(&platform, TOKEN, &from("192.0.2.1")).await;
    assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (429, Some("RATE_LIMITED")));
    let wait: u64 = answer.header("retry-after").and_then(|text| text.parse().ok()).expect("seconds");
    assert!((1..=20).contains(&wait), "{wait}");
    assert_eq!(sign_in(&platform, TOKEN, &from("192.0.2.2")).await.status, 204);
}

#[tokio::test]
async fn the_preview_takes_the_cookie() {
    let platform = Platform::start().await;
    let cookie = platform.signed_in().await;
    let seen = |answer: Answer| answer.header("x-authorization").map(str::to_owned);
    let with = platform.send("GET", "/preview/s/index.m3u8", &[("cookie", &cookie)], b"").await;
    assert_eq!(seen(with), Some(format!("Bearer {TOKEN}")));
    assert_eq!(seen(platform.get("/preview/s/index.m3u8").await), None);
    // So does what of a recording is its owner's, for an <img> of ours; never for another site's.
    let picture = "/vod/as_1/thumbnail.jpg";
    let ours = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
    assert_eq!(seen(platform.send("GET", picture, &ours, b"").await), Some(format!("Bearer {TOKEN}")));
    for site in ["same-site", "cross-site"] {
        let theirs = [("cookie", cookie.as_str()), ("sec-fetch-site", site)];
        assert_eq!(seen(platform.send("GET", picture, &theirs, b"").await), None, "{site}");
    }
    // A token that is named goes before the cookie, and media asks for none.
    let named = platform.send("GET", "/preview/s/index.m3u8?token=x", &[("cookie", &cookie)], b"").await;
    assert_eq!(seen(named), None);
    let live = platform.send("GET", "/live/s/index.m3u8", &[("cookie", &cookie)], b"").await;
    assert_eq!(seen(live), None);
}
