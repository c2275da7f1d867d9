//! What cannot be judged is said in one line, with the mend.

use sigma_conformance::{Options, Refusal, check};

use crate::origin::{Door, Origin, serve};

async fn refused(url: &str) -> Refusal {
    let options = Options { seconds: 1, insecure: false };
    check(url, &options, |_| ()).await.expect_err("nothing to judge")
}

#[tokio::test]
async fn what_cannot_be_judged_is_said_with_its_mend() {
    let served = serve(Origin::new(0), Door::Plain).await;
    assert!(matches!(refused("nonsense").await, Refusal::Address(_)));
    assert!(matches!(refused("ftp://localhost/x").await, Refusal::Address(_)));
    let missing = refused(&served.url("/nothing.m3u8")).await;
    assert!(matches!(missing, Refusal::Status { status: 404, .. }), "{missing}");
    let media = refused(&served.url("/a/i0.mp4")).await;
    assert!(matches!(media, Refusal::NoPlaylist { .. }), "{media}");
    let closed = refused("http://127.0.0.1:1/x.m3u8").await;
    assert!(matches!(closed, Refusal::Unreachable { .. }), "{closed}");
    let strange = serve(Origin::new(0), Door::Tls).await;
    let strange = refused(&strange.url("/master.m3u8")).await;
    assert!(strange.to_string().contains("ertificate"), "{strange}");
    for refusal in [missing, media, closed, strange] {
        assert!(refusal.to_string().contains("; "), "no mend: {refusal}");
    }
}
