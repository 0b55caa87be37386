//! The pictures that are made of an uploaded file: squares of fixed sizes, without what a camera notes, such as a
//! place.

use std::{io::Cursor, sync::LazyLock};

use bytes::Bytes;
use image::{
    DynamicImage, ImageDecoder, ImageEncoder as _, ImageError, ImageFormat, ImageReader, Limits, Rgba, RgbaImage,
    codecs::jpeg::JpegEncoder, imageops::FilterType,
};
use tokio::{sync::Semaphore, task::spawn_blocking};

/// The widths of the pictures in pixels, ascending. They are as high as wide.
pub const SIZES: [u16; 4] = [64, 128, 256, 512];
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

/// A picture that was made of an upload.
#[derive(Debug)]
pub struct AvatarPicture {
    /// The width and the height, in pixels.
    pub size: u16,
    /// The file.
    pub jpeg: Vec<u8>,
}

/// The reason why an uploaded file is no picture of a person.
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

/// Makes the pictures of all sizes of an uploaded JPEG, PNG, WebP or GIF file: the middle square of its first frame,
/// the way up that its camera noted. The bytes decide on the format. Waits for its turn and runs beside the other
/// tasks.
pub async fn make(upload: Bytes) -> Result<Vec<AvatarPicture>, UnusablePicture> {
    let _turn = TURN.acquire().await.map_err(|_| UnusablePicture::Damaged)?;
    // A decoder that panics has met a damaged file.
    spawn_blocking(move || scale(&upload)).await.unwrap_or(Err(UnusablePicture::Damaged))
}

fn scale(upload: &[u8]) -> Result<Vec<AvatarPicture>, UnusablePicture> {
    let mut reader =
        ImageReader::new(Cursor::new(upload)).with_guessed_format().map_err(|_| UnusablePicture::Damaged)?;
    let copies = match reader.format() {
        // The decoder would fill the rest of a file that was cut off with grey.
        Some(ImageFormat::Jpeg) if !is_whole_jpeg(upload) => return Err(UnusablePicture::Damaged),
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
    let mut square = middle_square(DynamicImage::from_decoder(decoder)?);
    let mut pictures = Vec::new();
    for size in SIZES.into_iter().rev() {
        // Each size is made of the next larger one, which costs less than to start anew.
        square = square.resize_exact(size.into(), size.into(), FilterType::CatmullRom);
        if pictures.is_empty() {
            square.apply_orientation(orientation);
        }
        pictures.push(AvatarPicture { size, jpeg: encode(&square, profile.clone())? });
    }
    Ok(pictures)
}

/// Returns true when the last scan of a JPEG file is followed by the marker of the end. The data of a scan contains no
/// such marker (ITU-T T.81, section B.1.1.5).
fn is_whole_jpeg(file: &[u8]) -> bool {
    let last_scan = file.windows(2).rposition(|pair| pair == [0xff, 0xda]);
    last_scan.is_some_and(|scan| file[scan..].windows(2).any(|pair| pair == [0xff, 0xd9]))
}

/// Returns true for a short profile of red, green and blue, which the bytes 16 to 19 of a profile name.
fn is_kept(profile: &[u8]) -> bool {
    profile.len() <= LONGEST_PROFILE && profile.get(16..20) == Some(b"RGB ".as_slice())
}

/// Returns the middle square of a picture. Transparent parts become white, because JPEG has no transparency.
fn middle_square(picture: DynamicImage) -> DynamicImage {
    let (width, height) = (picture.width(), picture.height());
    let side = width.min(height);
    let square =
        if width == height { picture } else { picture.crop_imm((width - side) / 2, (height - side) / 2, side, side) };
    if square.has_alpha() { DynamicImage::ImageRgba8(on_white(square.into_rgba8())) } else { square }
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

fn encode(square: &DynamicImage, profile: Option<Vec<u8>>) -> Result<Vec<u8>, UnusablePicture> {
    let mut jpeg = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, QUALITY);
    if let Some(profile) = profile {
        encoder.set_icc_profile(profile).map_err(|_| UnusablePicture::Damaged)?;
    }
    encoder.encode_image(&square.to_rgb8())?;
    Ok(jpeg)
}
