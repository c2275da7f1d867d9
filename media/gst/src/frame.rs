//! What pictures are made from, and of which sizes.

use bytes::Bytes;
use sigma_elementary::VideoConfig;

/// The largest access unit that is decoded, in bytes: the largest that is packaged.
pub const MAX_UNIT: usize = 16 * 1024 * 1024;
/// The most key frames of one request: a sheet of 12 by 12.
pub const MAX_FRAMES: usize = 144;
/// The longest side of a tile, in pixels.
pub const MAX_TILE_SIDE: u32 = 320;
/// The shortest side of a tile, in pixels.
pub const MIN_TILE_SIDE: u32 = 16;
/// The most tiles in a row.
pub const MAX_TILE_COLUMNS: u32 = 12;
/// How long a preview usually is, in milliseconds.
pub const PREVIEW_MS: u32 = 3_000;
/// The longest preview, in milliseconds.
pub const MAX_PREVIEW_MS: u32 = 30_000;

/// One picture that decodes by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFrame {
    /// How it is coded.
    pub config: VideoConfig,
    /// The access unit as fMP4 holds it: length-prefixed NAL units, or AV1's OBUs.
    pub data: Bytes,
}

/// How wide a picture may be asked for. A picture is never wider than its source, and its height follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Width(u32);

impl Width {
    /// All there are, in pixels: a fixed list, so that what is cached has an end.
    pub const ALL: [Self; 4] = [Self(160), Self(320), Self(640), Self(1_280)];

    /// One of the list, or none.
    pub fn new(pixels: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|width| width.0 == pixels)
    }

    /// In pixels.
    pub const fn pixels(self) -> u32 {
        self.0
    }
}

/// How the tiles of a sheet lie: row by row. A picture is fitted into its tile, on black.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tile {
    width: u32,
    height: u32,
    columns: u32,
}

impl Tile {
    /// Sides from [`MIN_TILE_SIDE`] to [`MAX_TILE_SIDE`], 1 to [`MAX_TILE_COLUMNS`] columns; else none.
    pub fn new(width: u32, height: u32, columns: u32) -> Option<Self> {
        let side = MIN_TILE_SIDE..=MAX_TILE_SIDE;
        let fits = side.contains(&width) && side.contains(&height);
        (fits && (1..=MAX_TILE_COLUMNS).contains(&columns)).then_some(Self { width, height, columns })
    }

    /// In pixels.
    pub const fn width(self) -> u32 {
        self.width
    }

    /// In pixels.
    pub const fn height(self) -> u32 {
        self.height
    }

    /// Tiles in a row.
    pub const fn columns(self) -> u32 {
        self.columns
    }

    /// Where the tile with this number (from 0) has its upper left corner, in pixels.
    pub const fn place(self, number: u32) -> (u32, u32) {
        (number % self.columns * self.width, number / self.columns * self.height)
    }

    /// Width and height in pixels of a sheet of so many tiles.
    pub const fn sheet(self, tiles: u32) -> (u32, u32) {
        let columns = if tiles < self.columns { tiles } else { self.columns };
        (columns * self.width, tiles.div_ceil(self.columns) * self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_of_the_list() {
        assert_eq!(Width::new(640).map(Width::pixels), Some(640));
        assert_eq!(Width::new(641), None);
    }

    #[test]
    fn tiles_lie_row_by_row() {
        let tile = Tile::new(160, 90, 5).unwrap();
        assert_eq!((tile.place(0), tile.place(4), tile.place(5)), ((0, 0), (640, 0), (0, 90)));
        assert_eq!((tile.sheet(3), tile.sheet(5), tile.sheet(6)), ((480, 90), (800, 90), (800, 180)));
        assert_eq!(Tile::new(160, 90, 0), None);
        assert_eq!(Tile::new(8, 90, 5), None);
        assert_eq!(Tile::new(160, 321, 5), None);
    }
}
