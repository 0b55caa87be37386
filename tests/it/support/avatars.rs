//! Pictures of users: files to upload, and calls of the routes.

use std::io::Cursor;

use image::{ImageFormat, Rgb, RgbImage};
use reqwest::Response;
use serde_json::{Value, json};

use super::{Expected as _, graphql::Client};

/// Returns the file of a picture of one colour.
pub fn plain(format: ImageFormat, (width, height): (u32, u32), colour: [u8; 3]) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    RgbImage::from_pixel(width, height, Rgb(colour)).write_to(&mut file, format).expected("a file");
    file.into_inner()
}

/// Returns the path to which the user of a client uploads.
pub async fn upload_path(client: &Client) -> String {
    client.ask("{ viewer { avatarUploadUrl } }", Value::Null).await.text("viewer.avatarUploadUrl").to_owned()
}

/// Uploads a file to a path, without a header.
pub async fn put(client: &Client, path: &str, file: Vec<u8>) -> Response {
    let request = reqwest::Client::new().put(format!("{}{path}", client.url)).body(file);
    request.send().await.expected("an answer")
}

/// Uploads a file as the picture of a client's user. Returns the status and the answer.
pub async fn upload(client: &Client, file: Vec<u8>) -> (u16, Value) {
    let answer = put(client, &upload_path(client).await, file).await;
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or(json!(null)))
}

/// Downloads a picture. Returns its size and its pixels.
pub async fn picture(client: &Client, address: &str) -> RgbImage {
    let answer = reqwest::get(format!("{}{address}", client.url)).await.expected("an answer");
    assert_eq!(answer.status(), 200, "{address}");
    assert_eq!(answer.headers()["content-type"], "image/jpeg");
    let file = answer.bytes().await.expected("a file");
    image::load_from_memory_with_format(&file, ImageFormat::Jpeg).expected("a picture").to_rgb8()
}

/// Returns the status of a download.
pub async fn status(client: &Client, address: &str) -> u16 {
    reqwest::get(format!("{}{address}", client.url)).await.expected("an answer").status().as_u16()
}
