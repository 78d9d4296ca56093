// Maps over images: occlusion against predictions of occluded images, Grad-CAM against its definition by finite
// differences, and pictures that show what they say.
#include "study/explain/image_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "study/explain/map_picture.h"
#include "study/prediction.h"
#include "tests/support/explained_model.h"

namespace plait {
namespace {

double odds(double p) {
  return std::log(p / (1.0 - p));
}

// Patient 7 has everything. 9 x 8 pixels: squares of 2, each pixel stepping by 1. Painting with the training mean is
// done here on the cohort itself, whose pixels are bytes: hence a mean that is one.
TEST(OcclusionMap, IsWhatPredictionsLose) {
  for (const char* fusion : {"hybrid", "early", "late", "image"}) {
    SCOPED_TRACE(fusion);
    test::ExplainedModel explained(TaskKind::binary, fusion, 16);
    Preprocess fit = explained.trained.fit;
    fit.modalities[1].mean = {100.0 / 255.0};
    const Dataset dataset(explained.cohort, fit);
    const std::vector<std::int64_t> one = {7};
    const auto output = [&](const Dataset& shown) { return odds(predict(explained.model(), shown, one).values[0]); };
    const double whole = output(dataset);
    std::vector<double> lost(72, 0.0), covered(72, 0.0);
    for (std::size_t top = 0; top < 8; ++top)
      for (std::size_t left = 0; left < 7; ++left) {
        Cohort changed = explained.cohort;
        const std::size_t pixels[] = {top * 8 + left, top * 8 + left + 1, top * 8 + left + 8, top * 8 + left + 9};
        for (const std::size_t p : pixels) changed.modalities[1].bytes[7 * 72 + p] = 100;
        const Dataset occluded(changed, fit);
        const double change = whole - output(occluded);
        for (const std::size_t p : pixels) lost[p] += change, covered[p] += 1.0;
      }
    const ImageMap map = occlusion_map(explained.model(), dataset, 7, 1, 0);
    ASSERT_EQ(map.values.size(), 72u);
    double largest = 0.0;
    for (std::size_t p = 0; p < 72; ++p) {
      EXPECT_NEAR(map.values[p], lost[p] / covered[p], 1e-4) << p;  // the mean is 100 / 255 to single precision
      largest = std::max(largest, std::fabs(map.values[p]));
    }
    EXPECT_GT(largest, 0.01);
  }
}

// A model whose image encoder has one convolution: channel c of it weighs the mean over pixels of dF/dA_c, which is
// what adding a little to the channel's bias changes F by, per pixel, where no activation is at its kink.
TEST(GradCam, IsItsDefinition) {
  test::ExplainedModel explained(TaskKind::binary, "hybrid", 16, {"encoder.image.channels=[3]"});
  MultimodalModel& model = explained.model();
  ParameterStore& store = model.parameters();
  const std::vector<std::int64_t> one = {7};
  const auto output = [&] { return odds(predict(model, *explained.dataset, one).values[0]); };
  const ImageMap map = grad_cam(model, *explained.dataset, 7, 1, 0);
  ASSERT_EQ(map.height * map.width, 72);
  ASSERT_EQ(map.values.size(), 72u) << "the convolution keeps the image's size: nothing is resized";

  // The activations in a plain loop over 3 x 3 neighbours.
  const Tensor weight = store.value(store.find("encoder.image.0.weight"));
  float* bias = store.value(store.find("encoder.image.0.bias")).as<float>();
  const DatasetModality& data = explained.dataset->modalities()[1];
  const auto pixel = [&](std::int64_t y, std::int64_t x) {
    if (y < 0 || x < 0 || y >= 9 || x >= 8) return 0.0;
    const double sample = explained.cohort.modalities[1].bytes[static_cast<std::size_t>(7 * 72 + y * 8 + x)];
    return (sample - static_cast<double>(data.mean[0])) * static_cast<double>(data.scale[0]);
  };
  std::vector<std::vector<double>> activation(3);
  for (std::int64_t c = 0; c < 3; ++c)
    for (std::int64_t y = 0; y < 9; ++y)
      for (std::int64_t x = 0; x < 8; ++x) {
        double sum = static_cast<double>(bias[c]);
        for (std::int64_t r = 0; r < 3; ++r)
          for (std::int64_t s = 0; s < 3; ++s)
            sum += static_cast<double>(weight.as<float>()[c * weight.row_stride + r * 3 + s]) *
                   pixel(y + r - 1, x + s - 1);
        activation[static_cast<std::size_t>(c)].push_back(std::max(0.0, sum));
      }
  std::vector<double> expected(72, 0.0);
  for (std::size_t c = 0; c < 3; ++c) {
    // A bias moves the active pixels alone; max-pooling hands gradients to active ones only, where any is.
    const float before = bias[c];
    bias[c] = before + 1e-3f;
    const double above = output();
    bias[c] = before - 1e-3f;
    const double below = output();
    bias[c] = before;
    const double slope = (above - below) / 2e-3 / 72.0;
    for (std::size_t p = 0; p < 72; ++p) expected[p] += slope * activation[c][p];
  }
  double largest = 0.0;
  for (const double value : expected) largest = std::max(largest, value);
  ASSERT_GT(largest, 0.0);
  for (std::size_t p = 0; p < 72; ++p) EXPECT_NEAR(map.values[p], std::max(0.0, expected[p]), 0.02 * largest) << p;
}

TEST(GradCam, EveryFusionWithAConvolutionHasOne) {
  for (const char* fusion : {"hybrid", "attention", "concat", "late", "image"}) {
    test::ExplainedModel explained(TaskKind::multiclass, fusion, 16);
    double total = 0.0;
    for (std::size_t k = 0; k < 3; ++k)
      for (const double value : grad_cam(explained.model(), *explained.dataset, 7, 1, k).values) {
        EXPECT_GE(value, 0.0);
        total += value;
      }
    EXPECT_GT(total, 0.0) << fusion;
  }
  test::ExplainedModel early(TaskKind::binary, "early", 16);
  EXPECT_TRUE(grad_cam(early.model(), *early.dataset, 7, 1, 0).empty());
  EXPECT_EQ(map_modalities(early.model()), (std::vector<std::size_t>{1}));
  test::ExplainedModel ehr(TaskKind::binary, "ehr", 16);
  EXPECT_TRUE(map_modalities(ehr.model()).empty());
}

TEST(StretchedImage, IsTheMeasuredOne) {
  test::ExplainedModel explained(TaskKind::binary, "hybrid", 16);
  const std::vector<double> image = stretched_image(*explained.dataset, 7, 1);
  const auto begin = explained.cohort.modalities[1].bytes.begin() + 7 * 72;
  const auto [low, high] = std::minmax_element(begin, begin + 72);
  for (std::size_t p = 0; p < 72; ++p)
    EXPECT_NEAR(image[p], static_cast<double>(begin[static_cast<std::ptrdiff_t>(p)] - *low) / (*high - *low), 1e-5);
}

TEST(MapPicture, ShowsBothMapsInTheirColours) {
  const std::vector<double> image = {0.0, 0.5, 1.0, 0.5};
  const ImageMap cam{2, 2, {0.0, 1.0, 0.0, 0.0}}, occlusion{2, 2, {0.0, 2.0, -2.0, 0.0}},
      flat{2, 2, {0.0, 0.0, 0.0, 0.0}};
  const PngImage picture = map_picture(image, 1, cam, occlusion);
  EXPECT_EQ(picture.width, 3 * 256 + 2 * 8);
  EXPECT_GE(picture.height, 256);
  const auto colour = [&](const PngImage& png, std::int64_t panel, std::int64_t y, std::int64_t x) {
    const auto at = static_cast<std::size_t>(((64 + 128 * y) * png.width + panel * 264 + 64 + 128 * x) * 3);
    return std::array<int, 3>{png.bytes[at], png.bytes[at + 1], png.bytes[at + 2]};
  };
  EXPECT_EQ(colour(picture, 0, 1, 0), (std::array<int, 3>{255, 255, 255}));
  EXPECT_EQ(colour(picture, 1, 0, 0), (std::array<int, 3>{0, 0, 0})) << "nothing lies over it";
  const auto orange = colour(picture, 1, 0, 1), blue = colour(picture, 2, 1, 0);
  EXPECT_GT(orange[0], orange[2] + 100);
  EXPECT_GT(blue[2], blue[0] + 100);
  EXPECT_EQ(colour(picture, 2, 0, 1), orange) << "the largest of each map has the full colour";
  const PngImage without = map_picture(image, 1, {}, flat);
  EXPECT_EQ(without.width, 2 * 256 + 8);
  EXPECT_EQ(colour(without, 1, 1, 0), (std::array<int, 3>{255, 255, 255}));
}

}  // namespace
}  // namespace plait
