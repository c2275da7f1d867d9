//! The animated preview of a recording: `/vod/{assetId}/preview.webp`, some of its pictures one after the other.

use http::HeaderMap;
use http::header::{self, HeaderValue};
use sigma_gst::{PREVIEW_MS, Width};

use super::pictures::{Still, key_frame, no_picture};
use super::respond::{self, Answer, Problem};
use super::storyboard::name_of;
use super::{Origin, unavailable};

/// A preview has at most so many pictures: each is seen for a quarter of a second.
const MOST_PICTURES: usize = 12;
/// How wide it is, in pixels: as wide as pictures on a wall of recordings are.
const WIDTH: u32 = 320;

impl Origin {
    /// `/vod/{assetId}/preview.webp`
    pub(super) async fn moving_preview(
        &self,
        asset: &str,
        query: &str,
        headers: &HeaderMap,
    ) -> Result<Answer, Problem> {
        let shown = self.seen(asset, query, headers).await?;
        let (live, channel) = (&shown.live, &shown.live.facts.channel);
        let fit: Vec<Still> = live.read_recording(|recording| {
            let items = recording.items(&shown.edit).filter(|item| item.independent());
            items.filter_map(|item| Still::of(recording, &item)).collect()
        });
        let picked = picked(&fit);
        if picked.is_empty() {
            return Err(no_picture());
        }
        let name = format!("{}-moving", name_of(&live.facts.session, &picked));
        let made = async {
            let _turn = self.core.gallery.turn(channel).await?;
            let mut frames = Vec::with_capacity(picked.len());
            for still in &picked {
                frames.push(key_frame(live, *still).await?);
            }
            let width = Width::new(WIDTH).ok_or_else(unavailable)?;
            let made = self.pictures()?.preview(channel, frames, width, PREVIEW_MS).await;
            made.map_err(|error| self.core.gallery.told(channel, &error))
        };
        let picture = self.core.gallery.shelf.picture(&name, 0, |_| true, made).await?;
        let mut answer = respond::media(headers, vec![[picture.file].into()], &name, shown.picture_cache());
        answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("image/webp"));
        Ok(answer)
    }
}

/// Every so many-th, from the first on: a power of two, so that of what is still being recorded the same are picked for a while,
/// and not another preview is made for each who asks.
fn picked<T: Copy>(pictures: &[T]) -> Vec<T> {
    let step = pictures.len().div_ceil(MOST_PICTURES).next_power_of_two();
    pictures.iter().copied().step_by(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_picks_all_over_and_mostly_the_same_while_more_comes() {
        let of = |segments: u64| picked(&(0..segments).collect::<Vec<_>>());
        assert_eq!(of(0), Vec::<u64>::new());
        assert_eq!(of(12).len(), 12);
        assert_eq!(of(13), [0, 2, 4, 6, 8, 10, 12]);
        for segments in 12..5_000 {
            assert!((6..=MOST_PICTURES).contains(&of(segments).len()), "{segments}");
        }
        let others = (1_000..1_100).filter(|segments| of(*segments) != of(segments + 1)).count();
        assert!(others <= 1, "{others} previews for a hundred segments");
    }
}
