#include "api/tenant.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "thanos/testing/status_matchers.h"

namespace thanos::api {
namespace {

using testing::StatusIs;

std::string TenantOf(const TenantOptions& options, const net::HttpRequest& request) {
  const auto context = WithTenant(options, CallContext(), request);
  return context.ok() ? context->tenant() : context.status().ToString();
}

TEST(WithTenant, TheHeaderNamesItElseTheDefault) {
  net::HttpRequest request;
  EXPECT_EQ(TenantOf({}, request), "default-tenant");
  request.headers.Add("THANOS-TENANT", "a");
  EXPECT_EQ(TenantOf({}, request), "a");
  request.headers.Add("X-Team", "b");
  EXPECT_EQ(TenantOf({.header = "X-Team"}, request), "b");
  net::HttpRequest path;
  path.headers.Add("THANOS-TENANT", "a/b");
  EXPECT_THAT(WithTenant({}, CallContext(), path), StatusIs(StatusCode::kInvalidArgument));
}

TEST(WithTenant, TheCertificateOverridesTheHeader) {
  net::HttpRequest request;
  request.headers.Add("THANOS-TENANT", "a");
  const auto of = [&](const char* field) {
    return TenantOf({.certificate_field = field}, request);
  };
  EXPECT_THAT(of("organization"),
              ::testing::HasSubstr("could not get required certificate field from client cert"));
  request.peer = std::make_shared<const net::PeerSubject>(net::PeerSubject{"Acme", "", "ann"});
  EXPECT_EQ(of("organization"), "Acme");
  EXPECT_EQ(of("commonName"), "ann");
  EXPECT_THAT(of("organizationalUnit"),
              ::testing::HasSubstr("could not get organizationalUnit field from client cert"));
}

}  // namespace
}  // namespace thanos::api
