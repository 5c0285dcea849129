package main

import (
	"context"
	"errors"
	"time"

	"github.com/id2meta/id2meta/internal/credential"
)

// checkCredential says which source gave the key. It reports whether there is a key.
func (c checker) checkCredential(ctx context.Context, r *report) bool {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	found, err := c.credential(ctx)
	if err != nil {
		reason := err.Error()
		if errors.Is(err, context.DeadlineExceeded) {
			reason = c.say("its source did not answer in %v", "来源在 %v 内没有应答", c.timeout)
		}
		r.add(line{Check: "credential", Status: fail, Detail: c.say("no usable key: %s", "没有可用的密钥：%s", reason),
			Todo: c.say("%s lists the sources of a credential", "凭据的全部来源见 %s", c.doc("docs/credentials"))})
		return false
	}
	r.keyID = found.AccessKeyID
	l := c.ofKey(found)
	r.add(l)
	return l.Status != fail
}

func (c checker) ofKey(found credential.Found) line {
	l := line{Check: "credential", Status: ok}
	left := time.Until(found.Expiry).Round(time.Second)
	lifetime := c.say("permanent", "永久有效")
	switch {
	case !found.Expiry.IsZero() && left <= 0:
		l.Status = fail
		lifetime = c.say("expired at %s", "已在 %s 过期", found.Expiry.Format(time.RFC3339))
		l.Todo = c.say("renew it where it comes from, and look at the clock", "请在来源处更新，并检查本机时钟")
	case !found.Expiry.IsZero():
		lifetime = c.say("temporary, expires at %s (in %v)", "临时凭据，%s 过期（还有 %v）", found.Expiry.Format(time.RFC3339), left)
	case found.SecurityToken != "":
		l.Status = warn
		lifetime = c.say("temporary; its source does not say when it expires", "临时凭据，来源没有说明何时过期")
		l.Todo = c.say("a token that nobody renews stops working: for a service use a role; see %s",
			"没有人更新的 Token 过期后就不能用了：服务请用角色，见 %s", c.doc("docs/credentials"))
	}
	l.Detail = c.say("%s, %s, %s", "%s，%s，%s", c.source(found.Source), masked(found.AccessKeyID), lifetime)
	return l
}

func (c checker) source(name string) string {
	switch name {
	case "env":
		return c.say("environment variables", "环境变量")
	case "oidc_role_arn":
		return c.say("OIDC (RRSA)", "OIDC（RRSA）")
	case "cli_profile":
		return c.say("a profile of the CLI", "CLI 的配置文件")
	case "profile":
		return c.say("the credentials file of the SDKs", "SDK 的凭据文件")
	case "ecs_ram_role":
		return c.say("the RAM role of the ECS instance", "ECS 实例的 RAM 角色")
	case "credential_uri":
		return c.say("the credentials URI", "凭据 URI")
	case "simulator":
		return c.say("the simulator's own key", "模拟器自带的密钥")
	}
	return name
}

// masked returns the beginning and the end of an access key ID.
func masked(id string) string {
	if len(id) < 12 {
		return "****"
	}
	return id[:4] + "****" + id[len(id)-4:]
}
