//! Compiles proto/ without protoc, and keeps the descriptors for gRPC reflection.

use std::path::PathBuf;

use prost::Message as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let mut files = Vec::new();
    for package in ["rogatory/v1", "rogatory/store/v1"] {
        for file in std::fs::read_dir(PathBuf::from("proto").join(package))? {
            let name = file?.file_name().into_string().map_err(|_| "a file name is not UTF-8")?;
            if name.ends_with(".proto") {
                files.push(format!("{package}/{name}"));
            }
        }
    }
    files.sort();
    let descriptors = protox::compile(&files, ["proto"])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    // Reflection tells of the service API, not of the rows on our disk.
    let mut public = descriptors.clone();
    public.file.retain(|file| file.package() == "rogatory.v1");
    std::fs::write(out.join("rogatory.binpb"), public.encode_to_vec())?;
    // `bytes` fields as bytes::Bytes: a chunk is taken out of its frame without a copy.
    tonic_prost_build::configure().bytes(".rogatory.v1").compile_fds(descriptors)?;
    Ok(())
}
