package simulator

import (
	"crypto/sha256"
	"time"
)

const (
	// nonceWindow is how long a request that repeats a nonce could still have a
	// valid date: from a date that is 15 minutes ahead to a date that is 15
	// minutes old.
	nonceWindow = 2 * dateWindow
	// maxNonces bounds the memory: about 30 MiB. The service serves 50 requests a
	// second, which are 90,000 in nonceWindow.
	maxNonces = 1 << 18
)

// nonceMemory remembers the nonces of nonceWindow, the last maxNonces of them at
// most. It keeps digests, because a client may send a nonce of any length.
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
