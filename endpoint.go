package id2meta

import (
	"errors"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"unicode"
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
	switch {
	case endpoint == "":
		return errors.New("it is empty")
	case strings.Contains(endpoint, "://"):
		return errors.New("it must be host or host:port, without a scheme")
	case strings.ContainsFunc(endpoint, unicode.IsSpace):
		return errors.New("it holds white space")
	case strings.Contains(endpoint, "@"):
		return errors.New("it must be host or host:port, without a user or a password")
	case strings.ContainsAny(endpoint, `/?#`):
		return errors.New("it must be host or host:port, without a path, a query or a fragment")
	case strings.Contains(endpoint, ","):
		return errors.New("it holds a comma; give each endpoint as an argument of its own")
	}

	host, port, hasPort := endpoint, "", false
	if colon := strings.LastIndexByte(endpoint, ':'); colon > strings.LastIndexByte(endpoint, ']') {
		host, port, hasPort = endpoint[:colon], endpoint[colon+1:], true
	}
	switch {
	case host == "":
		return errors.New("it has no host")
	case host[0] == '[':
		ip, err := netip.ParseAddr(strings.TrimSuffix(host[1:], "]"))
		if err != nil || !ip.Is6() || ip.Zone() != "" || !strings.HasSuffix(host, "]") {
			return errors.New("its brackets do not hold an IPv6 address")
		}
	case strings.Contains(host, ":"):
		return errors.New("an IPv6 address must stand in brackets")
	case isInternational(host):
		return errors.New("it belongs to the international service, whose API (Id2MetaVerifyIntl) is another one and is not supported")
	case !hostName.MatchString(host):
		return errors.New("its host is not made of letters, digits and hyphens with dots between (write other scripts in punycode)")
	}
	if n, err := strconv.ParseUint(port, 10, 16); hasPort && (err != nil || n == 0) {
		return errors.New("its port is not a number from 1 to 65535")
	}
	return nil
}

// hostName also matches IPv4 addresses, and names with an underscore: public names
// have none, but names of containers may.
var hostName = regexp.MustCompile(`^[0-9A-Za-z_-]+(\.[0-9A-Za-z_-]+)*\.?$`)

// isInternational recognizes endpoints such as
// cloudauth-intl.cn-hongkong.aliyuncs.com. The vendor's page "ID_2META" lists them for
// accounts of Alibaba Cloud International.
func isInternational(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return strings.HasPrefix(host, "cloudauth-intl") && strings.HasSuffix(host, ".aliyuncs.com")
}
