package simulator

import (
	"crypto/sha256"
	"time"
)

const (
	// nonceWindow is how long a repeated request could still have a valid date. At
	// first the date may be 15 minutes ahead, and at last 15 minutes old.
	nonceWindow = 2 * dateWindow
	// maxNonces bounds the memory to about 30 MiB. The real service allows 50 requests
	// per second, so 90,000 requests in nonceWindow.
	maxNonces = 1 << 18
)

// nonceMemory remembers the nonces of the last nonceWindow, but at most maxNonces. It
// keeps digests, because a client may send a nonce of any length.
type nonceMemory struct {
	used  map[nonceKey]bool
	queue []usedNonce // in the order of use
}

type nonceKey [sha256.Size]byte

type usedNonce struct {
	key nonceKey
	at  time.Time
}

// use reports whether the nonce is new.
func (m *nonceMemory) use(accessKeyID, nonce string, now time.Time) bool {
	for len(m.queue) > 0 && (len(m.queue) >= maxNonces || now.Sub(m.queue[0].at) > nonceWindow) {
		delete(m.used, m.queue[0].key)
		m.queue = m.queue[1:]
	}
	key := sha256.Sum256([]byte(accessKeyID + "\n" + nonce)) // a header holds no line feed
	if m.used[key] {
		return false
	}
	if m.used == nil {
		m.used = map[nonceKey]bool{}
	}
	m.used[key] = true
	m.queue = append(m.queue, usedNonce{key, now})
	return true
}
