//! Stubs of Trunkline's contract, as tonic generates them.

/// The contract: messages and enums, and a module with a client for each service.
pub mod trunkline {
    #[allow(missing_docs, clippy::doc_lazy_continuation)]
    pub mod v1 {
        tonic::include_proto!("trunkline.v1");
    }
}

/// What the contract uses of Google's own.
pub mod google {
    pub mod rpc {
        tonic::include_proto!("google.rpc");
    }
}

pub use trunkline::v1;
