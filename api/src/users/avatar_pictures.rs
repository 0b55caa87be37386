//! The pictures that are made of an uploaded file: squares of fixed sizes, without what a camera notes, such as a
//! place.

use std::io::Cursor;

use bytes::Bytes;
use image::{DynamicImage, imageops::FilterType};

use crate::pictures::{self, UnusablePicture};

/// The widths of the pictures in pixels, ascending. They are as high as wide.
pub const SIZES: [u16; 4] = [64, 128, 256, 512];
/// The first bytes of a JPEG file.
const JPEG: &[u8] = &[0xff, 0xd8];

/// A picture that was made of an upload.
#[derive(Debug)]
pub struct AvatarPicture {
    /// The width and the height, in pixels.
    pub size: u16,
    /// The file.
    pub jpeg: Vec<u8>,
}

/// Makes the pictures of all sizes of an uploaded JPEG, PNG, WebP or GIF file: the middle square of its first frame,
/// the way up that its camera noted. Waits for its turn.
pub async fn make(upload: Bytes) -> Result<Vec<AvatarPicture>, UnusablePicture> {
    pictures::run_one_at_a_time(move || scale(&upload)).await
}

fn scale(upload: &[u8]) -> Result<Vec<AvatarPicture>, UnusablePicture> {
    // The decoder would fill the rest of a file that was cut off with grey.
    if upload.starts_with(JPEG) && !is_whole_jpeg(upload) {
        return Err(UnusablePicture::Damaged);
    }
    let decoded = pictures::decode(Cursor::new(upload))?;
    let mut square = middle_square(decoded.pixels);
    let mut made = Vec::new();
    for size in SIZES.into_iter().rev() {
        // Each size is made of the next larger one, which costs less than to start anew.
        square = square.resize_exact(size.into(), size.into(), FilterType::CatmullRom);
        if made.is_empty() {
            square.apply_orientation(decoded.orientation);
        }
        made.push(AvatarPicture { size, jpeg: pictures::encode(&square, decoded.profile.clone())? });
    }
    Ok(made)
}

/// Returns true when the last scan of a JPEG file is followed by the marker of the end. The data of a scan contains no
/// such marker (ITU-T T.81, section B.1.1.5).
fn is_whole_jpeg(file: &[u8]) -> bool {
    let last_scan = file.windows(2).rposition(|pair| pair == [0xff, 0xda]);
    last_scan.is_some_and(|scan| file[scan..].windows(2).any(|pair| pair == [0xff, 0xd9]))
}

/// Returns the middle square of a picture.
fn middle_square(picture: DynamicImage) -> DynamicImage {
    let (width, height) = (picture.width(), picture.height());
    let side = width.min(height);
    let square =
        if width == height { picture } else { picture.crop_imm((width - side) / 2, (height - side) / 2, side, side) };
    pictures::without_transparency(square)
}
