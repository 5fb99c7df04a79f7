// The table of finetuning methods.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "boft/methods/boft.h"
#include "boft/methods/hra.h"
#include "boft/methods/lora.h"
#include "boft/methods/oft.h"
#include "nn/adapter.h"

namespace papilio::boft {

// One name a method. Its configuration says the rest: peft_type, name, own_bias, the fields, what
// is valid, the label, hooks, and the Layer that adapts; its Layer makes, plans and reads one
// layer.
using AdapterConfig = std::variant<BoftConfig, OftConfig, LoraConfig, HraConfig>;

// PEFT's peft_type, "BOFT"; of every method, in the table's order.
const char* peft_type(const AdapterConfig& config);
std::vector<std::string> peft_types();
// The defaults of the method with this peft_type. Throws ArgumentError if there is none.
AdapterConfig default_config(const std::string& peft_type);

// What every method's configuration has.
void validate(const AdapterConfig& config);
const std::string& bias_of(const AdapterConfig& config);
TargetRules targets_of(const AdapterConfig& config);
void visit_fields(AdapterConfig& config, FieldVisitor& visitor);
// Method and sizes in a few words: "BOFT b=4 m=2".
std::string label(const AdapterConfig& config);
// Whether the method's parameters are blocks of rotations (LayerPlan: b, N, m), not of a rank r.
bool rotates_in_blocks(const AdapterConfig& config);
// Whether W' = W R with R orthogonal (of OFT's series: nearly), so that the rows of W keep the
// angles between them.
bool keeps_angles(const AdapterConfig& config);
// Whether each output has a learned scale beside, whose sign may turn its row round (BOFT's that is
// free).
bool has_scale(const AdapterConfig& config);
// The parameter that names the method in a file: "boft_R".
const char* main_parameter(const AdapterConfig& config);
// Whether a key is of a parameter of one of the methods; of one that acts on a layer's inputs.
bool is_adapter_key(const std::string& key);
bool acts_on_inputs(const std::string& key);

// Throws ArgumentError for a layer that the method cannot adapt.
std::unique_ptr<LayerAdapter> make_adapter(const std::string& path, const nn::AdaptableLayer& layer,
                                           const AdapterConfig& config, Lines& warnings);
// Fills in what follows from plan.path, plan.d and plan.out; what does not fit is plan.problem.
void plan_layer(LayerPlan& plan, const nn::AdaptableLayer& layer, const AdapterConfig& config,
                Lines& warnings);
// One line, or nothing: fan_in_fan_out against how the layer's weight is stored, which decides.
std::string storage_warning(const std::string& path, const nn::AdaptableLayer& layer,
                            const AdapterConfig& config);
// One line, or nothing: why a new adapter does not begin as the identity.
std::string start_warning(const AdapterConfig& config);
// One line, or nothing: blocks whose max |Q Q^T - I| is `error` and should be less.
std::string orthogonality_warning(const AdapterConfig& config, double error);
// One line, or nothing: dropout that drops nothing. block_nums: N of each layer.
std::string dropout_warning(const AdapterConfig& config, const std::vector<int64_t>& block_nums);

// Differences between releases, before the fields are read.
void read_older(AdapterConfig& config, JsonFields& fields, const std::string& where,
                Lines& warnings);
// Whether the configuration means what only a file without peft_version says, as releases of PEFT
// before 0.18 write it.
bool is_from_before_0_18(const AdapterConfig& config);
// What the tensors know better than the configuration.
void trust_tensors(AdapterConfig& config, const Tensors& tensors, const std::string& where,
                   Lines& warnings);
// Every layer in a file's tensors. Throws FileError, which begins with `where`.
std::vector<StoredLayer> stored_layers(const AdapterConfig& config, const Tensors& tensors,
                                       const std::string& where);
// Why the method has no compact form; nullptr if it has one.
const char* no_compact_form(const AdapterConfig& config);
// A file's tensors in the compact form, and such ones in full again; of a method without it, as
// they are. Throws ArgumentError, and FileError that begins with `where`, for shapes that are not
// the method's.
Tensors compacted(const AdapterConfig& config, const Tensors& tensors);
Tensors expanded(const AdapterConfig& config, const Tensors& tensors, const std::string& where);

}  // namespace papilio::boft
