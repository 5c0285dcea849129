package id2meta

import "time"

// AgeCredential lets d pass for what c knows of its credential, so that tests
// with real providers need not wait for it.
func AgeCredential(c *Client, d time.Duration) {
	r := &c.credential
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answered = r.answered.Add(-d)
	r.askAgain = r.askAgain.Add(-d)
}
