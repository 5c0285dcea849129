package simulator

import "crypto/sha256"

// maxNonces bounds the memory to about 30 MiB. A repeated request can have a valid date
// for 30 minutes, in which the real service allows 90,000 requests.
const maxNonces = 1 << 18

// nonceMemory remembers the last maxNonces nonces. It keeps digests, because a client may
// send a nonce of any length.
type nonceMemory struct {
	used  map[nonceKey]bool
	queue []nonceKey // in the order of use
}

type nonceKey [sha256.Size]byte

// use reports whether the nonce is new.
func (m *nonceMemory) use(accessKeyID, nonce string) bool {
	key := nonceKey(sha256.Sum256([]byte(accessKeyID + "\n" + nonce))) // a header holds no line feed
	if m.used[key] {
		return false
	}
	if len(m.queue) == maxNonces {
		delete(m.used, m.queue[0])
		m.queue = m.queue[1:]
	}
	if m.used == nil {
		m.used = map[nonceKey]bool{}
	}
	m.used[key] = true
	m.queue = append(m.queue, key)
	return true
}
