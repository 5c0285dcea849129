package main

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUserThatIsAnIDNumber(t *testing.T) {
	const sample, other, wrong = "11010519491231002X", "440524188001010014", "110105194912310021"
	for _, c := range []struct {
		sentence, user, typed string
		holds                 bool
	}{
		{"a name is none", "alice", sample, false},
		{"a short number is none", "10086", sample, false},
		{"a number of 18 digits with a wrong check digit is none", wrong, sample, false},
		{"a number of 19 digits is none, although it contains one", "1" + other, sample, false},
		{"a user that contains a short wrong number is none", "alice-1", "1", false},

		{"the person's own number", sample, sample, true},
		{"somebody else's number", other, sample, true},
		{"with a small x", strings.ToLower(sample), other, true},
		{"with hyphens", "110105-19491231-002X", other, true},
		{"with underscores and dots", "110105_19491231.002X", other, true},
		{"with a dot at the end", sample + ".", other, true},
		{"with a hyphen in front", "-" + sample, other, true},
		{"with letters around", "id" + sample + "a", other, true},
		{"behind another number", "2024-" + sample, other, true},
		{"before another number", "440524_18800101_0014_2024", sample, true},
		{"with a digit behind the X", sample + "1", other, true},
		{"with dots and a digit behind the X", "1.10105.19491231.002X.1", other, true},
		{"inside a longer number, if it is the person's own", "1" + other + "1", other, true},
		{"the typed number, although it is wrong", wrong, wrong, true},
		{"the typed number, with hyphens in the user", "110105-19491231-0021", wrong, true},
		{"the typed number, with spaces in the number", wrong, "110105 19491231 0021", true},
		{"the typed number, with full-width digits in the number", wrong, "１１０１０５１９４９１２３１００２１", true},
		{"the typed number, with a Cyrillic Х", "110106194912310029X", "110106194912310029Х", true},
		{"the beginning of a number", "110105-194912", "110105194912", true},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			require.Regexp(t, userForm, c.user)
			require.Equal(t, c.holds, holdsIDNumber(c.user, c.typed))

			body := strings.NewReplacer("alice", c.user, "11010519491231002X", c.typed).Replace(goodBody)
			r := httptest.NewRequest("POST", "/withdrawals", strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			got, err := readWithdrawal(httptest.NewRecorder(), r)
			if c.holds {
				require.Error(t, err)
				require.Empty(t, got.user, "it would be logged")
			} else {
				require.Equal(t, c.user, got.user)
			}
		})
	}
}
