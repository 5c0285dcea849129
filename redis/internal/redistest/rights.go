package redistest

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// Rights returns the rights that stand behind label in the README of the package, between
// back quotes.
func Rights(t *testing.T, label string) string {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rights, found := strings.Cut(string(readme), label+"`")
	rights, _, closed := strings.Cut(rights, "`")
	if !found || !closed || !strings.Contains(rights, "+") {
		t.Fatalf("README.md names no rights behind %q", label)
	}
	return rights
}

// Name and Password are those of the user that has only the rights of a test.
const (
	Name     = "id2meta"
	Password = "hunter2"
)

// SetUser makes the user on a node, with these rights and no others.
func SetUser(ctx context.Context, node *redis.Client, rights string) error {
	rule := []any{"ACL", "SETUSER", Name, "reset", "on", ">" + Password}
	for right := range strings.FieldsSeq(rights) {
		rule = append(rule, right)
	}
	return node.Do(ctx, rule...).Err()
}

// LogOfRefusals returns what a node has refused to its users.
func LogOfRefusals(ctx context.Context, node *redis.Client) ([]string, error) {
	entries, err := node.ACLLog(ctx, 100).Result()
	var refusals []string
	for _, e := range entries {
		refusals = append(refusals, e.Reason+" "+e.Object+" of "+e.Username)
	}
	return refusals, err
}
