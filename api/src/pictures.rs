//! Decoding and encoding of pictures that people upload, within bounds of memory: avatars and previews of files.

use std::{
    io::{BufRead, Seek},
    sync::LazyLock,
    time::Duration,
};

use image::{
    DynamicImage, ImageDecoder, ImageEncoder as _, ImageError, ImageFormat, ImageReader, Limits, Rgba, RgbaImage,
    codecs::jpeg::JpegEncoder, metadata::Orientation,
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task::spawn_blocking,
    time::timeout,
};

/// The longest side of an uploaded picture, in pixels.
pub const LONGEST_SIDE: u32 = 8_192;
/// The most memory that an uploaded picture takes while it is decoded, in bytes. It has room for 29 million pixels of a
/// JPEG file, and so for the photos of phones.
const MOST_MEMORY: u64 = 256 << 20;
/// The memory of decoding in sizes of the decoded picture: the picture and the copy of its middle square.
const COPIES: u64 = 2;
/// The same for JPEG files. A progressive one keeps its coefficients, which take twice the size of the picture.
const COPIES_OF_JPEG: u64 = 3;
/// The quality of the JPEG files, out of 100.
const QUALITY: u8 = 85;
/// The longest colour profile that the pictures keep, in bytes. The profile of phones with a wide range of colours has
/// about 550.
const LONGEST_PROFILE: usize = 1_024;

/// One picture at a time is decoded, so that uploads cannot fill the memory.
static TURN: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(1));

/// The reason why an uploaded file is no picture that can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnusablePicture {
    /// The file has none of the accepted formats.
    UnknownFormat,
    /// The picture has too many pixels.
    TooLarge,
    /// The file is damaged.
    Damaged,
}

impl From<ImageError> for UnusablePicture {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Limits(_) => Self::TooLarge,
            _ => Self::Damaged,
        }
    }
}

/// A decoded picture: its first frame, as it is stored.
pub struct DecodedPicture {
    /// The pixels.
    pub pixels: DynamicImage,
    /// The way up that the camera noted.
    pub orientation: Orientation,
    /// The colour profile, if the new pictures keep it.
    pub profile: Option<Vec<u8>>,
}

/// Runs work that decodes a picture, one at a time and beside the other tasks. A decoder that panics has met a damaged
/// file.
pub async fn run_one_at_a_time<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, UnusablePicture> + Send + 'static,
) -> Result<T, UnusablePicture> {
    let _turn: SemaphorePermit<'_> = TURN.acquire().await.map_err(|_| UnusablePicture::Damaged)?;
    spawn_blocking(work).await.unwrap_or(Err(UnusablePicture::Damaged))
}

/// Runs such work if its turn comes soon. None otherwise, so that a queue of large pictures holds up nothing.
pub async fn run_if_soon<T: Send + 'static>(
    within: Duration,
    work: impl FnOnce() -> Result<T, UnusablePicture> + Send + 'static,
) -> Option<Result<T, UnusablePicture>> {
    let _turn = timeout(within, TURN.acquire()).await.ok()?.ok()?;
    Some(spawn_blocking(work).await.unwrap_or(Err(UnusablePicture::Damaged)))
}

/// Decodes a JPEG, PNG, WebP or GIF file. The bytes decide on the format.
pub fn decode(file: impl BufRead + Seek) -> Result<DecodedPicture, UnusablePicture> {
    let mut reader = ImageReader::new(file).with_guessed_format().map_err(|_| UnusablePicture::Damaged)?;
    let copies = match reader.format() {
        Some(ImageFormat::Jpeg) => COPIES_OF_JPEG,
        Some(ImageFormat::Png | ImageFormat::WebP | ImageFormat::Gif) => COPIES,
        _ => return Err(UnusablePicture::UnknownFormat),
    };
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(MOST_MEMORY);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder()?;
    let needed = decoder.total_bytes().saturating_mul(copies);
    limits.reserve(needed)?;
    let orientation = decoder.orientation()?;
    let profile = decoder.icc_profile()?.filter(|profile| is_kept(profile));
    Ok(DecodedPicture { pixels: DynamicImage::from_decoder(decoder)?, orientation, profile })
}

/// Returns true for a short profile of red, green and blue, which the bytes 16 to 19 of a profile name.
fn is_kept(profile: &[u8]) -> bool {
    profile.len() <= LONGEST_PROFILE && profile.get(16..20) == Some(b"RGB ".as_slice())
}

/// Returns a picture whose transparent parts are white, because JPEG has no transparency.
#[must_use]
pub fn without_transparency(picture: DynamicImage) -> DynamicImage {
    if picture.has_alpha() { DynamicImage::ImageRgba8(on_white(picture.into_rgba8())) } else { picture }
}

fn on_white(mut picture: RgbaImage) -> RgbaImage {
    for Rgba([red, green, blue, alpha]) in picture.pixels_mut() {
        let opaque = u32::from(*alpha);
        for colour in [red, green, blue] {
            let mixed = (u32::from(*colour) * opaque + 255 * (255 - opaque)) / 255;
            *colour = u8::try_from(mixed).unwrap_or(u8::MAX);
        }
        *alpha = u8::MAX;
    }
    picture
}

/// Returns a picture as a JPEG file, without any data about it but its colour profile.
pub fn encode(picture: &DynamicImage, profile: Option<Vec<u8>>) -> Result<Vec<u8>, UnusablePicture> {
    let mut jpeg = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, QUALITY);
    if let Some(profile) = profile {
        encoder.set_icc_profile(profile).map_err(|_| UnusablePicture::Damaged)?;
    }
    encoder.encode_image(&picture.to_rgb8())?;
    Ok(jpeg)
}
