package main

// hashKeyVariable is the environment variable with the key of -remember.
const hashKeyVariable = "ID2META_BATCH_HASH_KEY"
