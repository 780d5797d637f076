"""For those who run a gateway: the stubs of `trunkline.admin.v1`."""
