package kratos

import "github.com/google/wire"

// ProviderSet is what wire makes a server of.
var ProviderSet = wire.NewSet(NewVerifier, NewVerifyService, NewHTTPServer)
