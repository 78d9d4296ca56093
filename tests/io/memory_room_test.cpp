#include "io/memory_room.h"

#include <gtest/gtest.h>

#include <limits>

#include "engine/parameter_memory.h"
#include "tests/support/error_of.h"

namespace plait {
namespace {

TEST(MemoryRoom, WhatFitsIsLetThroughAndWhatDoesNotIsRefused) {
  const std::uint64_t limit = memory_limit_bytes(), most = std::numeric_limits<std::uint64_t>::max();
  EXPECT_NO_THROW(check_room(0, 0, "nothing", ""));
  EXPECT_NO_THROW(check_room(most, 0, "nothing", ""));
  EXPECT_NO_THROW(check_room(limit, 1, "all of it", ""));
  for (const auto& [items, bytes] : {std::pair{limit + 1, std::uint64_t{1}}, {limit / 8 + 1, 8}, {most, most}}) {
    const test::Thrown thrown = test::error_of([&] { check_room(items, bytes, "7 images", "take fewer"); });
    EXPECT_EQ(thrown.code, ExitCode::device);
    EXPECT_TRUE(thrown.says("no memory for 7 images: ") && thrown.says("; take fewer")) << thrown.message;
  }
}

}  // namespace
}  // namespace plait
