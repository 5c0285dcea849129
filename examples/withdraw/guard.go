package main

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// guard refuses what a page of a foreign site makes a browser send. A service on a
// loopback address also refuses a Host that is not its own: a foreign site can let its
// name resolve to 127.0.0.1. The hosts are further names of the service.
func guard(next http.Handler, listen net.Addr, hosts []string) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		refusal{status: http.StatusForbidden, Code: "foreign_origin"}.write(w)
	}))
	next = protection.Handler(next)
	if address, err := netip.ParseAddrPort(listen.String()); err != nil || !address.Addr().Unmap().IsLoopback() {
		return next
	}
	isOwn := func(host string) bool { return isLoopback(host) || slices.Contains(hosts, strings.ToLower(host)) }
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isOwn(hostname(r.Host)) {
			refusal{status: http.StatusMisdirectedRequest, Code: "foreign_host"}.write(w)
			return
		}
		for _, origin := range r.Header.Values("Origin") {
			if u, err := url.Parse(origin); err != nil || !isOwn(u.Hostname()) {
				refusal{status: http.StatusForbidden, Code: "foreign_origin"}.write(w)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// hostname is a Host header without the port.
func hostname(host string) string {
	u := url.URL{Host: host}
	return u.Hostname()
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && address.Unmap().IsLoopback()
}
