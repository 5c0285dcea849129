package main

import (
	"context"
	"errors"
	"time"

	"github.com/id2meta/id2meta"
)

// notice says what is about to be sent.
func (c checker) notice(simulator bool) string {
	if simulator {
		return c.say("Sending one signed request with an empty number to the simulator.", "即将向模拟器发送一个号码为空的签名请求。")
	}
	return c.say("Sending one signed request with an empty number. It is expected to be refused, and not billed. "+
		"(Derived from the vendor's documents, not tried against the live service; -no-request leaves it out.)",
		"即将发送一个号码为空的签名请求。预计会被拒绝，不计费。（根据阿里云文档推断，没有在真实服务上试过；-no-request 可以跳过。）")
}

// checkRequest checks key, permission, activation and payment.
func (c checker) checkRequest(ctx context.Context) line {
	l := line{Check: "request", Status: fail}
	client, err := id2meta.New(append(c.options, id2meta.WithTimeout(c.timeout))...)
	if err == nil {
		defer client.CloseIdleConnections()
		started := time.Now()
		err = client.Check(ctx)
		l.took = time.Since(started)
	}
	if err != nil {
		l.Detail, l.Todo = err.Error(), c.todo(err)
		return l
	}
	l.Status = ok
	l.Detail = c.say("refused for its empty number alone: key, permission, activation and payment are not the reason",
		"只因号码为空被拒绝：密钥、权限、开通、付费都不是原因")
	return l
}

// todo says what to do about an error of Check.
func (c checker) todo(err error) string {
	switch {
	case errors.Is(err, id2meta.ErrNotActivated):
		return c.say("activate the service in the console", "请在控制台开通服务")
	case errors.Is(err, id2meta.ErrOverdue):
		return c.say("settle the account's bill", "请为账号充值")
	case errors.Is(err, id2meta.ErrAccessDenied):
		return c.say("give the RAM user the policy in SECURITY.md, or else AliyunYundunCloudAuthFullAccess",
			"请给 RAM 用户授予 SECURITY.zh-CN.md 里的策略，不行再用 AliyunYundunCloudAuthFullAccess")
	case errors.Is(err, id2meta.ErrCredential):
		return c.say("check the access key, its secret and the clock; see %s", "请检查 AccessKey、Secret 和本机时钟，见 %s", c.doc("docs/credentials"))
	}
	switch id2meta.RemedyOf(err) {
	case id2meta.RemedyTryLater:
		return c.say("try again later; see %s", "请稍后再试，见 %s", c.doc("docs/errors"))
	case id2meta.RemedyOperator:
		return c.say("see %s", "见 %s", c.doc("docs/errors"))
	}
	return c.say("see %s, and report it with the request ID", "见 %s，并带上 RequestId 反馈", c.doc("docs/errors"))
}
