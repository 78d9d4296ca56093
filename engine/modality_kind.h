// What a modality is made of: it decides the default encoder and the preprocessing.
#pragma once

#include <optional>
#include <string_view>

namespace plait {

enum class ModalityKind { table, image, expression };

constexpr const char* modality_kind_name(ModalityKind kind) {
  switch (kind) {
    case ModalityKind::image:
      return "image";
    case ModalityKind::expression:
      return "expression";
    case ModalityKind::table:
      break;
  }
  return "table";
}

constexpr std::optional<ModalityKind> modality_kind_from_name(std::string_view name) {
  if (name == "table") return ModalityKind::table;
  if (name == "image") return ModalityKind::image;
  if (name == "expression") return ModalityKind::expression;
  return std::nullopt;
}

}  // namespace plait
