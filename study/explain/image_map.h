// Where in an image a prediction came from. Computed on the CPU.
#pragma once

#include <cstdint>
#include <vector>

#include "fusion/model.h"
#include "io/data/dataset.h"

namespace plait {

// A number for every pixel, row by row.
struct ImageMap {
  std::int64_t height = 0, width = 0;
  std::vector<double> values;

  bool empty() const { return values.empty(); }
};

// The modalities that maps can be made of: images that the model reads.
std::vector<std::size_t> map_modalities(const MultimodalModel& model);

// Grad-CAM (Selvaraju et al. 2017): ReLU(sum_c w_c A_c) with the activations A[h, w, c] of the encoder's last
// convolution (before its pooling) and w_c the mean over h, w of the gradient of the patient's output `explained`;
// resized to the image, bilinear with half-pixel centres. It shows what speaks for the output, never what speaks
// against it. Empty for a model without convolutions (early fusion).
ImageMap grad_cam(const MultimodalModel& model, const Dataset& dataset, std::int64_t patient, std::size_t modality,
                  std::size_t explained);

// Occlusion (Zeiler, Fergus 2014): squares of an eighth of the shorter side (at least 2 pixels), every half of that,
// are painted with the training mean; a pixel gets the mean of F(image) - F(occluded) over the squares that cover it.
// Above 0: what is there raises the output.
ImageMap occlusion_map(const MultimodalModel& model, const Dataset& dataset, std::int64_t patient, std::size_t modality,
                       std::size_t explained);

// The patient's image as it was measured (resized where the fit says so), each channel: [height, width, channels] from
// 0 to 1, the darkest and the brightest sample at the ends.
std::vector<double> stretched_image(const Dataset& dataset, std::int64_t patient, std::size_t modality);

}  // namespace plait
