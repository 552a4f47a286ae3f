"""What an autoencoder is used for: one file per use, (ae, params, inputs) -> arrays, its baseline beside it."""
