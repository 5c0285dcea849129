package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// The service refuses a request whose time is wrong by more than maxClockError.
const (
	maxClockError = 15 * time.Minute
	oddClockError = time.Minute
)

// checkEndpoints checks the endpoints and the clock. It reports whether one of the
// endpoints works.
func (c checker) checkEndpoints(ctx context.Context, r *report) bool {
	probes := make([]*probe, len(c.endpoints))
	var group sync.WaitGroup
	for i, endpoint := range c.endpoints {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, c.timeout)
			defer cancel()
			probes[i] = send(ctx, c.transport, endpoint)
		})
	}
	group.Wait()
	works := slices.ContainsFunc(probes, func(p *probe) bool { return !p.secured.IsZero() })
	for _, p := range probes {
		for _, l := range c.ofProbe(p) {
			if l.Status == fail && works {
				l.Status = warn // the Client uses another endpoint
			}
			r.add(l)
		}
	}
	if works {
		r.add(c.checkClock(probes))
	}
	return works
}

// ofProbe returns a line for each step that was reached.
func (c checker) ofProbe(p *probe) (lines []line) {
	from := p.started
	if p.asked {
		dns := line{Check: "dns", Target: p.endpoint, Status: ok, took: p.lookedUp.Sub(from)}
		if p.lookedUp.IsZero() {
			dns.Status, dns.took, dns.Detail = fail, 0, c.say("not found: %s", "解析失败：%s", c.cause(p.err))
			dns.Todo = c.say("look at the name servers and at HTTPS_PROXY", "请检查 DNS 服务器和 HTTPS_PROXY")
			return []line{dns}
		}
		dns.Detail = c.ofAddresses(p)
		lines, from = append(lines, dns), p.lookedUp
	}

	tcp := line{Check: "tcp", Target: p.endpoint, Status: ok, took: p.connected.Sub(from)}
	if p.connected.IsZero() {
		tcp.Status, tcp.took, tcp.Detail = fail, 0, c.say("no connection: %s", "连不上：%s", c.cause(p.err))
		tcp.Todo = c.say("look at the firewall and the proxy; on a machine with IPv6 alone give -endpoint and WithEndpoints a dual-stack endpoint",
			"请检查防火墙和代理；只有 IPv6 的机器，请给 -endpoint 和 WithEndpoints 双栈接入点")
		return append(lines, tcp)
	}
	tcp.Detail = c.say("%s, no proxy", "%s，没有代理", p.remote)
	if p.proxy != nil {
		tcp.Detail = c.say("%s, the proxy %s://%s", "%s，代理 %s://%s", p.remote, p.proxy.Scheme, p.proxy.Host)
	}

	secure := line{Check: "tls", Target: p.endpoint, Status: ok, took: p.secured.Sub(p.connected)}
	if p.secured.IsZero() {
		secure.Status, secure.took = fail, 0
		secure.Detail, secure.Todo = c.ofTLSError(p.err)
		return append(lines, tcp, secure)
	}
	secure.Detail = tls.VersionName(p.tls.Version)
	if len(p.tls.PeerCertificates) > 0 {
		leaf := p.tls.PeerCertificates[0]
		secure.Detail += c.say(", certificate issued by %s, until %s", "，证书由 %s 签发，%s 到期", leaf.Issuer, leaf.NotAfter.Format(time.DateOnly))
	}
	return append(lines, tcp, secure)
}

// ofAddresses lists the addresses of the endpoint, or of its proxy.
func (c checker) ofAddresses(p *probe) string {
	var v4, v6 []string
	for _, a := range p.addresses {
		if a.IP.To4() != nil {
			v4 = append(v4, a.String())
		} else {
			v6 = append(v6, a.String())
		}
	}
	none := c.say("none", "无")
	text := c.say("IPv4 %s; IPv6 %s", "IPv4 %s；IPv6 %s",
		cmp.Or(strings.Join(v4, ", "), none), cmp.Or(strings.Join(v6, ", "), none))
	if p.proxy != nil {
		text = c.say("of the proxy: %s", "代理的地址：%s", text)
	}
	return text
}

func (c checker) ofTLSError(err error) (detail, todo string) {
	untrusted, isUntrusted := errors.AsType[*tls.CertificateVerificationError](err)
	if !isUntrusted {
		return c.say("no TLS connection: %s", "TLS 握手失败：%s", c.cause(err)),
			c.say("look for a proxy or a firewall on the way", "请检查途中的代理和防火墙")
	}
	detail = c.say("the certificate is not trusted: %v", "证书不受信任：%v", untrusted.Err)
	if len(untrusted.UnverifiedCertificates) > 0 {
		detail += c.say("; issued by %s", "；由 %s 签发", untrusted.UnverifiedCertificates[0].Issuer)
	}
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); unknown {
		return detail, c.say("look for a proxy that ends TLS, or install the CA certificates (package ca-certificates)",
			"请检查途中是否有拆解 TLS 的代理，或安装 CA 证书（ca-certificates 软件包）")
	}
	return detail, c.say("look for a proxy that ends TLS, and at the clock", "请检查途中是否有拆解 TLS 的代理，以及本机时钟")
}

// cause returns the reason in an error of the network.
func (c checker) cause(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return c.say("interrupted", "已中断")
	case errors.As(err, &timeout) && timeout.Timeout():
		return c.say("no answer in time", "超时，没有应答")
	case strings.Contains(err.Error(), http.StatusText(http.StatusProxyAuthRequired)): // net/http has no type for it
		return c.say("the proxy asks for a user and a password; they go into its URL", "代理要求用户名和密码，请写在代理的 URL 里")
	}
	return err.Error()
}

// checkClock compares the clock with the first Date that an endpoint told.
func (c checker) checkClock(probes []*probe) line {
	l := line{Check: "clock", Status: warn,
		Detail: c.say("not measured: no answer with a Date", "没有测到：没有带 Date 的应答"),
		Todo:   c.say("compare the clock yourself: the service allows 15 minutes", "请自行核对时钟：服务允许误差 15 分钟")}
	i := slices.IndexFunc(probes, func(p *probe) bool { _, known := p.clockAhead(); return known })
	if i < 0 {
		return l
	}
	ahead, _ := probes[i].clockAhead()
	l.Target, l.Status, l.Todo = probes[i].endpoint, ok, ""
	switch {
	case ahead > 0:
		l.Detail = c.say("%v ahead of the service", "比服务快 %v", ahead)
	case ahead < 0:
		l.Detail = c.say("%v behind the service", "比服务慢 %v", -ahead)
	default:
		l.Detail = c.say("right to the second", "误差不到 1 秒")
	}
	if ahead.Abs() > oddClockError {
		l.Status = warn
		l.Todo = c.say("set the clock (NTP): the service allows 15 minutes", "请校准时钟（NTP）：服务允许误差 15 分钟")
	}
	if ahead.Abs() > maxClockError {
		l.Status = fail
	}
	return l
}
