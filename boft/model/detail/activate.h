// Which adapters work, and whose tensors the model's fields hold.
#pragma once

#include <string>
#include <vector>

#include "boft/model/attach.h"

namespace papilio::boft {

// Makes exactly `names` active (in this order) and trainable, all others inactive and frozen. The
// model's fields hold its own tensors.
void activate(std::vector<Attached>& adapters, const std::vector<std::string>& names);
// Throws ArgumentError for a name twice, and for two adapters with their own of one tensor.
// active: those that `names` name.
void check_activation(const std::vector<std::string>& names,
                      const std::vector<const Attached*>& active);

// Puts an adapter's own tensor, or the model's, into the model.
void show_copy(const OwnTensor& own);
void show_original(const OwnTensor& own);
// Puts the active adapters' own tensors into the model's fields, the originals into all others.
void show_own_tensors(const std::vector<Attached>& adapters,
                      const std::vector<std::string>& active);
// Throws ArgumentError if a field of the model holds none of the tensors that belong there.
void check_own_tensors(const char* operation, const std::vector<Attached>& adapters);
// Moves the copies to where the model has moved; its fields hold its own tensors.
void move_own_tensors(std::vector<Attached>& adapters, Device device);

// Is the name among them?
bool contains(const std::vector<std::string>& names, const std::string& name);

}  // namespace papilio::boft
