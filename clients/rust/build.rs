//! Generates the stubs from the contract.

use std::{error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let protos = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../protos");
    let package = protos.join("trunkline/v1");
    println!("cargo:rerun-if-changed={}", package.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(&package)? {
        files.push(entry?.path());
    }
    let descriptors = protox::compile(&files, [&protos])?;
    tonic_prost_build::configure().build_server(false).compile_fds(descriptors)?;
    Ok(())
}
