#include "engine/task_kind.h"

#include <gtest/gtest.h>

namespace plait {
namespace {

TEST(TaskKind, NamesAreThoseOfTheCohortFileAndReadBack) {
  EXPECT_EQ(task_name(TaskKind::binary), "binary");
  EXPECT_EQ(task_name(TaskKind::multiclass), "multiclass");
  EXPECT_EQ(task_name(TaskKind::multilabel), "multilabel");
  EXPECT_EQ(task_name(TaskKind::regression), "regression");
  EXPECT_EQ(task_name(TaskKind::survival), "survival");
  for (const auto& [kind, name] : kTaskNames) EXPECT_EQ(task_from_name(name), kind);
}

TEST(TaskKind, OtherWordsAreNotATask) {
  for (const char* word : {"", "Binary", "binary ", "classification"}) EXPECT_EQ(task_from_name(word), std::nullopt);
}

}  // namespace
}  // namespace plait
