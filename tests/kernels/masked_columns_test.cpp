// Early fusion's input against a plain loop: columns in order, zeros and bit 0 where absent, NaN bytes stay where they
// are.
#include "kernels/masked_columns.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/padded_matrix.h"
#include "tests/support/thread_count.h"

namespace plait {
namespace {

TEST(MaskedColumns, LaysPresentColumnsAndBitsSideBySide) {
  for (const std::int64_t batch : {0, 1, 7, 300}) {
    const std::int64_t widths[3] = {5, 1, 130};
    std::vector<PaddedMatrix<float>> x;
    const auto present = random_integers<ModalityMask>(batch, 9, 8);
    MaskedColumnsParams p{.batch = batch, .modalities = 3};
    std::array<const float*, max_modalities> pointers{};
    for (std::size_t m = 0; m < 3; ++m) {
      x.push_back(PaddedMatrix<float>::random(batch, widths[m], 20 + static_cast<std::uint32_t>(m)));
      for (std::int64_t b = 0; b < batch; ++b)
        if (!has_modality(present[static_cast<std::size_t>(b)], static_cast<int>(m)))
          x[m].fill_row(b, std::numeric_limits<float>::quiet_NaN());
      p.columns[m] = widths[m];
      p.x_stride[m] = x[m].stride();
    }
    for (std::size_t m = 0; m < 3; ++m) pointers[m] = x[m].data();
    for (const int threads : {1, 2}) {
      const ThreadCount scope(threads);
      PaddedMatrix<float> y(batch, 5 + 1 + 130 + 3, 4);
      y.fill(7.0f);
      p.y_stride = y.stride();
      cpu::masked_columns<float>(p, pointers, present.data(), y.data());
      for (std::int64_t b = 0; b < batch; ++b) {
        std::int64_t column = 0;
        for (std::size_t m = 0; m < 3; ++m)
          for (std::int64_t c = 0; c < widths[m]; ++c, ++column)
            EXPECT_EQ(y(b, column),
                      has_modality(present[static_cast<std::size_t>(b)], static_cast<int>(m)) ? x[m](b, c) : 0.0f);
        for (int m = 0; m < 3; ++m, ++column)
          EXPECT_EQ(y(b, column), has_modality(present[static_cast<std::size_t>(b)], m) ? 1.0f : 0.0f);
      }
      EXPECT_TRUE(y.canaries_intact());
    }
  }
}

}  // namespace
}  // namespace plait
