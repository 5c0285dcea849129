package redistest

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/internal/testserver"
)

// Use does all that a package can do with the keys that begin with name.
type Use func(ctx context.Context, client redis.UniversalClient, name string) error

// TestScripts tests that use sends n scripts, and that the cluster edition of Alibaba
// Cloud, which checks each script before it runs it, accepts them.
func TestScripts(t *testing.T, n int, use Use) {
	client := Client(t, testserver.Redis(t), nil)
	var sent Sent
	client.AddHook(&sent)
	require.NoError(t, use(t.Context(), client, "id2meta"))
	require.Len(t, sent.scripts, n)
	for _, script := range sent.scripts {
		require.NoError(t, CheckScript(script), script)
	}
}

// TestRights tests that the rights in README.md suffice for use with the name "id2meta",
// and for no other name: in one Redis, and with those for a cluster in a cluster. No node
// knows a script yet.
func TestRights(t *testing.T, use Use) {
	rights := rightsOf(t, "Rights for an ACL: ")
	admin := Client(t, testserver.Redis(t), nil)
	try := func(t *testing.T, name, rights string) error {
		require.NoError(t, setUser(t.Context(), admin, rights))
		options := *admin.Options()
		options.Username, options.Password = user, password
		client := redis.NewClient(&options)
		defer client.Close()
		return use(t.Context(), client, name)
	}
	t.Run("the rights suffice", func(t *testing.T) {
		require.NoError(t, try(t, "id2meta", rights))
		require.NoError(t, wantNoRefusal(t.Context(), admin))
	})
	t.Run("they do not suffice for another name", func(t *testing.T) {
		require.Error(t, try(t, "other", rights))
	})
	t.Run("in a cluster they suffice with those for a cluster", func(t *testing.T) {
		rights := rights + " " + rightsOf(t, "In a cluster also: ")
		admin := Cluster(t)
		require.NoError(t, admin.ForEachMaster(t.Context(), func(ctx context.Context, node *redis.Client) error {
			return setUser(ctx, node, rights)
		}))
		options := *admin.Options()
		options.Username, options.Password = user, password
		client := redis.NewClusterClient(&options)
		defer client.Close()
		require.NoError(t, use(t.Context(), client, "id2meta"))
		require.NoError(t, admin.ForEachMaster(t.Context(), wantNoRefusal))
	})
}

// rightsOf returns the rights that stand behind label in the README of the package,
// between back quotes.
func rightsOf(t *testing.T, label string) string {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, rights, found := strings.Cut(string(readme), label+"`")
	rights, _, closed := strings.Cut(rights, "`")
	require.True(t, found && closed && strings.Contains(rights, "+"), "README.md names no rights behind %q", label)
	return rights
}

// user has only the rights of a test.
const user, password = "id2meta", "hunter2"

// setUser makes the user on a node that forgets its scripts, with these rights and no
// others.
func setUser(ctx context.Context, node *redis.Client, rights string) error {
	rule := []any{"ACL", "SETUSER", user, "reset", "on", ">" + password}
	for right := range strings.FieldsSeq(rights) {
		rule = append(rule, right)
	}
	if err := node.Do(ctx, rule...).Err(); err != nil {
		return err
	}
	return node.ScriptFlush(ctx).Err()
}

// wantNoRefusal returns what a node has refused to its users as an error.
func wantNoRefusal(ctx context.Context, node *redis.Client) error {
	entries, err := node.ACLLog(ctx, 100).Result()
	for _, e := range entries {
		err = errors.Join(err, errors.New(e.Reason+" "+e.Object+" of "+e.Username))
	}
	return err
}
