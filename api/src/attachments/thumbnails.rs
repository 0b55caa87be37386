//! Small pictures of uploaded pictures, without what a camera notes, such as a place.

use std::{
    fs::File,
    io::{BufReader, Seek as _},
    time::Duration,
};

use image::imageops::FilterType;

use crate::pictures::{self, UnusablePicture};

/// The longest side of a thumbnail, in pixels.
pub const LONGEST_SIDE: u32 = 480;

/// The time to wait for other pictures.
const WITHIN: Duration = Duration::from_secs(10);

/// Makes the thumbnail of a picture, as a JPEG file. None if the picture cannot be shown within the bounds of memory,
/// and if too many other pictures wait.
pub async fn make(file: File) -> Option<Vec<u8>> {
    pictures::run_if_soon(WITHIN, move || scale(file)).await?.ok()
}

fn scale(mut file: File) -> Result<Vec<u8>, UnusablePicture> {
    file.rewind().map_err(|_| UnusablePicture::Damaged)?;
    let decoded = pictures::decode(BufReader::new(file))?;
    let (width, height) = (decoded.pixels.width(), decoded.pixels.height());
    let mut small = if width.max(height) > LONGEST_SIDE {
        decoded.pixels.resize(LONGEST_SIDE, LONGEST_SIDE, FilterType::CatmullRom)
    } else {
        decoded.pixels
    };
    small.apply_orientation(decoded.orientation);
    pictures::encode(&pictures::without_transparency(small), decoded.profile)
}
