package credential

import (
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliyun/credentials-go/credentials"

	"github.com/id2meta/id2meta/internal/testenv"
)

// namespaceVariable tells a test process that it runs inside a network
// namespace made for it.
const namespaceVariable = "ID2META_TEST_NAMESPACE"

const (
	ecsRole       = "sample-ecs-role"
	metadataHost  = "100.100.100.200"
	metadataToken = "sample-metadata-token"
	rolesPath     = "/latest/meta-data/ram/security-credentials/"
)

// TestCredentialOfECS runs itself again in a network namespace that has nothing but
// a loopback with the metadata service's address, because the provider asks that
// address and no other.
func TestCredentialOfECS(t *testing.T) {
	if os.Getenv(namespaceVariable) != "" {
		testCredentialOfECS(t)
		return
	}
	if os.Getuid() != 0 {
		t.Skip("making a network namespace needs root")
	}
	ip, err := exec.LookPath("ip")
	if err != nil {
		t.Skip("making a network namespace needs the command ip: ", err)
	}
	namespace := "id2meta-" + strings.ToLower(rand.Text()[:12])
	if out, err := exec.CommandContext(t.Context(), ip, "netns", "add", namespace).CombinedOutput(); err != nil {
		t.Skipf("no network namespace can be made here: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command(ip, "netns", "delete", namespace).CombinedOutput(); err != nil {
			t.Errorf("the network namespace %s is left behind: %v: %s", namespace, err, out)
		}
	})
	for _, args := range []string{"addr add " + metadataHost + "/32 dev lo", "link set lo up"} {
		args := append([]string{"-n", namespace}, strings.Fields(args)...)
		if out, err := exec.CommandContext(t.Context(), ip, args...).CombinedOutput(); err != nil {
			t.Skipf("the network namespace cannot be set up: %v: %s", err, out)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	inside := exec.CommandContext(t.Context(), ip, "netns", "exec", namespace,
		self, "-test.run=^TestCredentialOfECS$", "-test.v", "-test.timeout=1m")
	inside.Env = append(os.Environ(), namespaceVariable+"="+namespace)
	out, err := inside.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestCredentialOfECS/the_default_chain") {
		t.Errorf("inside the namespace: %v\n%s", err, out)
	}
}

// fakeMetadata is the metadata service of an ECS instance, with IMDSv2.
type fakeMetadata struct {
	*http.Server

	mu    sync.Mutex
	asked map[string]int // how often, by method and path
	keyID string
	down  bool
}

func newMetadata(t *testing.T) *fakeMetadata {
	listener, err := net.Listen("tcp", net.JoinHostPort(metadataHost, "80"))
	if err != nil {
		t.Fatal(err)
	}
	m := &fakeMetadata{asked: map[string]int{}, keyID: testenv.RoleKeyID}
	m.Server = &http.Server{Handler: http.HandlerFunc(m.serve)}
	go m.Serve(listener)
	t.Cleanup(func() { m.Close() })
	return m
}

func (m *fakeMetadata) serve(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked[r.Method+" "+r.URL.Path]++
	switch {
	case m.down:
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, testenv.RoleSecret+" "+testenv.RoleToken)
	case r.Method == http.MethodPut && r.URL.Path == "/latest/api/token":
		io.WriteString(w, metadataToken)
	case r.Header.Get("X-Aliyun-Ecs-Metadata-Token") != metadataToken:
		w.WriteHeader(http.StatusForbidden)
	case r.URL.Path == rolesPath:
		io.WriteString(w, ecsRole+"\n")
	case r.URL.Path == rolesPath+ecsRole:
		io.WriteString(w, testenv.SessionJSON(m.keyID, 100*time.Second)) // to be renewed each time
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (m *fakeMetadata) change(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

// testCredentialOfECS is the test inside the namespace.
func testCredentialOfECS(t *testing.T) {
	// Nothing outside may be asked, whatever the variable says.
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range addresses {
		if ip, _, _ := net.ParseCIDR(address.String()); !ip.IsLoopback() && ip.String() != metadataHost {
			t.Fatalf("this is not the namespace it should be: it has the address %v", address)
		}
	}
	t.Setenv("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "")

	for _, test := range []struct {
		name  string
		given func(*testing.T) credentials.Credential
		list  int // how often the name of the role is asked for
	}{
		{"ecs_ram_role with its name", func(t *testing.T) credentials.Credential {
			return newProvider(t, new(credentials.Config).SetType("ecs_ram_role").SetRoleName(ecsRole))
		}, 0},
		{"ecs_ram_role without a name", func(t *testing.T) credentials.Credential {
			return newProvider(t, new(credentials.Config).SetType("ecs_ram_role"))
		}, 1},
		{"the default chain", func(*testing.T) credentials.Credential { return nil }, 1},
		{"the default chain with the name in the environment", func(t *testing.T) credentials.Credential {
			t.Setenv("ALIBABA_CLOUD_ECS_METADATA", ecsRole)
			return nil
		}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			testenv.EmptyHome(t)
			metadata := newMetadata(t)
			var clock clock
			r := &Resolver{Provider: test.given(t), now: clock.now}
			resolveTogether(t, r, 16, testenv.RoleKeyID)
			metadata.change(func() {
				list, key := metadata.asked["GET "+rolesPath], metadata.asked["GET "+rolesPath+ecsRole]
				if list != test.list || key != 1 {
					t.Errorf("the role's name was asked for %d times, want %d, and its key %d times, want 1", list, test.list, key)
				}
			})

			// In trouble the key is used for a while, and no longer.
			metadata.change(func() { metadata.down = true })
			clock.pass(2 * time.Second)
			requireKey(t, r, testenv.RoleKeyID, time.Minute)
			clock.pass(2 * time.Minute)
			_, err := r.Resolve(t.Context())
			if err == nil {
				t.Fatal("a key was given that is too old")
			}
			for _, secret := range []string{testenv.RoleKeyID, testenv.RoleSecret, testenv.RoleToken, metadataToken} {
				if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), secret) {
					t.Error("a secret is in the error")
				}
			}

			metadata.change(func() { metadata.down, metadata.keyID = false, "renewed" })
			requireKey(t, r, "renewed", time.Minute)
		})
	}
}
