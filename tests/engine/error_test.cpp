#include "engine/error.h"

#include <gtest/gtest.h>

namespace plait {
namespace {

TEST(Error, DataErrorNamesFileLineAndColumn) {
  try {
    fail_data({"ehr.csv", 12, 3}, "expected a number");
    FAIL() << "did not throw";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "ehr.csv:12:3: expected a number");
    EXPECT_EQ(error.code(), ExitCode::data);
  }
}

TEST(Error, CheckNamesItsPlace) {
  EXPECT_NO_THROW(check(true, "fine"));
  try {
    check(false, "[tape] broken");
    FAIL() << "did not throw";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::internal);
    EXPECT_NE(std::string(error.what()).find("error_test.cpp:"), std::string::npos);
  }
}

}  // namespace
}  // namespace plait
