// Maps over their image, as one picture: the image, Grad-CAM, occlusion, side by side.
#pragma once

#include <vector>

#include "io/formats/png.h"
#include "study/explain/image_map.h"

namespace plait {

// image: [height, width, channels] from 0 to 1 (stretched_image). Each panel is enlarged by whole pixels to at least
// 256 on its longer side; under each map lies the strip of its colours. Grad-CAM: from nothing to orange, 0 to its
// largest value. Occlusion: blue below 0, orange above, as far as its largest size. An empty map has no panel; one that
// is 0 everywhere shows the image.
PngImage map_picture(const std::vector<double>& image, std::int64_t channels, const ImageMap& grad_cam,
                     const ImageMap& occlusion);

}  // namespace plait
