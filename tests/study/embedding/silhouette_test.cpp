#include "study/embedding/silhouette.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/embedding_golden.h"
#include "tests/support/error_of.h"

namespace plait {
namespace {

using Numbers = std::vector<double>;
using Labels = std::vector<std::size_t>;

TEST(Silhouette, AgreesWithScikitLearn) {
  const auto goldens = test::embedding_goldens();
  ASSERT_EQ(goldens.size(), 3u);
  for (const test::EmbeddingGolden& golden : goldens) {
    SCOPED_TRACE(golden.name);
    const auto values = silhouettes(golden.points(), golden.label);
    const Numbers expected = golden.expected.at("silhouettes");
    ASSERT_TRUE(values);
    ASSERT_EQ(values->size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR((*values)[i], expected[i], 1e-12);
    EXPECT_NEAR(*mean_silhouette(golden.points(), golden.label), golden.expected.at("silhouette").get<double>(), 1e-13);
  }
}

TEST(Silhouette, HandWorked) {
  const Numbers line{0, 1, 10};
  const auto values = silhouettes({line, 1}, Labels{7, 7, 3});
  ASSERT_TRUE(values);
  EXPECT_DOUBLE_EQ((*values)[0], 0.9);        // 1 within, 10 to the other
  EXPECT_DOUBLE_EQ((*values)[1], 8.0 / 9.0);  // 1 within, 9 to the other
  EXPECT_EQ((*values)[2], 0.0);               // alone
}

TEST(Silhouette, NotDefined) {
  const Numbers line{0, 1, 10}, same{4, 4, 4};
  EXPECT_FALSE(silhouettes({line, 1}, Labels{1, 1, 1}));
  EXPECT_FALSE(silhouettes({line, 1}, Labels{1, 2, 3}));
  EXPECT_FALSE(mean_silhouette({{}, 1}, {}));
  EXPECT_EQ(*mean_silhouette({same, 1}, Labels{1, 1, 2}), 0.0);
  EXPECT_EQ(test::error_of([&] { silhouettes({line, 1}, Labels{1}); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { silhouettes({Numbers{1, NAN}, 1}, Labels{1, 1}); }).code, ExitCode::numeric);
}

}  // namespace
}  // namespace plait
