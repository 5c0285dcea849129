package sm2param

import (
	"crypto/elliptic"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
)

// Nobody here can decrypt what New makes, so its key is looked at instead.
func TestNewEncryptsUnderTheKeyOfTheVendorsPage(t *testing.T) {
	encrypter, err := vendor()
	require.NoError(t, err)
	key := encrypter.key
	//lint:ignore SA1019 gmsm has no other form of a key
	compressed := elliptic.MarshalCompressed(key.Curve, key.X, key.Y)
	require.Equal(t, "02cd77e007bdc86eeaf9a479ba7a2c22bc0a517ccb3a6975c3f94b4ac93347dea6", hex.EncodeToString(compressed))
}
