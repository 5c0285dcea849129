package id2meta

import (
	"errors"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// The service's endpoints, from the vendor's page "身份二要素核验 ·
// 纯服务端(API)接入". All endpoints are equivalent: they share the account, its bill
// and its limit of 50 calls per second of this API.
//
// The page does not list the endpoints for a VPC. They have not been tried.
const (
	// EndpointDefault is the general endpoint. It has IPv4 addresses only.
	EndpointDefault = "cloudauth.aliyuncs.com"
	// EndpointDualStack is the general endpoint with IPv6 addresses.
	EndpointDualStack = "cloudauth-dualstack.aliyuncs.com"

	// EndpointShanghai is the endpoint in Shanghai.
	EndpointShanghai = "cloudauth.cn-shanghai.aliyuncs.com"
	// EndpointShanghaiDualStack is the endpoint in Shanghai with IPv4 and IPv6 addresses.
	EndpointShanghaiDualStack = "cloudauth-dualstack.cn-shanghai.aliyuncs.com"
	// EndpointShanghaiVPC can be reached only from inside a VPC in Shanghai.
	EndpointShanghaiVPC = "cloudauth-vpc.cn-shanghai.aliyuncs.com"

	// EndpointBeijing is the endpoint in Beijing.
	EndpointBeijing = "cloudauth.cn-beijing.aliyuncs.com"
	// EndpointBeijingDualStack is the endpoint in Beijing with IPv4 and IPv6 addresses.
	EndpointBeijingDualStack = "cloudauth-dualstack.cn-beijing.aliyuncs.com"
	// EndpointBeijingVPC can be reached only from inside a VPC in Beijing.
	EndpointBeijingVPC = "cloudauth-vpc.cn-beijing.aliyuncs.com"
)

// checkEndpoint returns an error unless endpoint is host or host:port. Its errors do
// not repeat the endpoint, because somebody may pass a URL with a password.
func checkEndpoint(endpoint string) error {
	parts := hostAndPort.FindStringSubmatch(endpoint)
	if parts == nil {
		return errors.New("it must be host or host:port, in ASCII, without a scheme, a user, a path or white space; an IPv6 address must stand in brackets")
	}
	host, ip, port := parts[1], parts[2], parts[3]
	if addr, err := netip.ParseAddr(ip); ip != "" && (err != nil || !addr.Is6()) {
		return errors.New("its brackets do not hold an IPv6 address")
	}
	if isInternational(host) {
		return errors.New("it belongs to the international service, whose API (Id2MetaVerifyIntl) is another one and is not supported")
	}
	if n, err := strconv.ParseUint(port, 10, 16); port != "" && (err != nil || n == 0) {
		return errors.New("its port is not a number from 1 to 65535")
	}
	return nil
}

// hostAndPort matches a host name, an IPv4 address, or an IPv6 address in brackets, and
// the port behind it. Public names have no underscore, but names of containers may.
var hostAndPort = regexp.MustCompile(`^(?:([0-9A-Za-z_-]+(?:\.[0-9A-Za-z_-]+)*\.?)|\[([0-9A-Fa-f:.]+)\])(?::([0-9]+))?$`)

// isInternational recognizes endpoints such as
// cloudauth-intl.cn-hongkong.aliyuncs.com. The vendor's page "ID_2META" lists them for
// accounts of Alibaba Cloud International.
func isInternational(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return strings.HasPrefix(host, "cloudauth-intl") && strings.HasSuffix(host, ".aliyuncs.com")
}
