#include "io/data/preprocess.h"

namespace plait {

std::int64_t ModalityFit::features() const {
  if (kind == ModalityKind::image) return height * width * channels;
  std::int64_t count = 0;
  for (const ColumnFit& column : columns) count += column.features();
  return count;
}

std::vector<std::string> ModalityFit::feature_names() const {
  std::vector<std::string> names;
  for (const ColumnFit& column : columns) {
    if (column.type == ColumnType::categorical) {
      for (const std::string& category : column.categories) names.push_back(column.name + "=" + category);
      names.push_back(column.name + ":unknown");
    } else {
      names.push_back(column.name);
      if (column.missing_bit) names.push_back(column.name + ":missing");
    }
  }
  return names;
}

std::int64_t TargetFit::outputs() const {
  switch (task) {
    case TaskKind::multiclass:
      return static_cast<std::int64_t>(classes.size());
    case TaskKind::multilabel:
      return static_cast<std::int64_t>(names.size());
    case TaskKind::binary:
    case TaskKind::regression:
    case TaskKind::survival:
      break;
  }
  return 1;
}

std::array<std::int64_t, 2> image_size_of(const Preprocess& fit) {
  for (const ModalityFit& modality : fit.modalities) {
    if (modality.kind == ModalityKind::image && modality.resized) return {modality.height, modality.width};
  }
  return {0, 0};
}

}  // namespace plait
