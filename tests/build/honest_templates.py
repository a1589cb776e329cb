"""Chat templates in the manner of published models: every construct that they use, none that they do not."""

from __future__ import annotations

ROLES = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
ALTERNATING = """{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}
{%- set system_message = messages[0]['content'] | trim + '\\n\\n' %}{% else %}{% set loop_messages = messages %}
{%- set system_message = '' %}{% endif %}{% for message in loop_messages %}
{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
{{- raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}
{%- if loop.index0 == 0 %}{% set content = system_message + message['content'] %}
{%- else %}{% set content = message['content'] %}{% endif %}
{%- if message['role'] == 'user' %}{{ '[INST] ' + content | trim + ' [/INST]' }}
{%- elif message['role'] == 'assistant' %}{{ ' ' + content | trim + ' ' + eos_token }}{% endif %}{% endfor %}"""
TOOLS = """{{- bos_token }}
{%- if custom_tools is defined %}{%- set tools = custom_tools %}{%- endif %}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}{%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}{%- set date_string = "26 Jul 2024" %}{%- endif %}
{%- endif %}
{%- if not tools is defined %}{%- set tools = none %}{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if tools is not none %}
    {{- "Environment: ipython\\n" }}
    {%- if builtin_tools is defined %}
        {{- "Tools: " + builtin_tools | reject('equalto', 'code_interpreter') | join(", ") + "\\n\\n" }}
    {%- endif %}
    {%- for t in tools %}{{- t | tojson(indent=4) }}{{- "\\n\\n" }}{%- endfor %}
{%- endif %}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}
            {{- raise_exception("This model only supports single tool-calls at once!") }}
        {%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {{- '{"name": "' + tool_call.name + '", ' }}{{- '"parameters": ' }}{{- tool_call.arguments | tojson }}{{- "}" }}
        {%- for arg_name, arg_val in tool_call.arguments | items %}
            {{- arg_name + '="' + arg_val + '"' }}{%- if not loop.last %}{{- ", " }}{%- endif %}
        {%- endfor %}
    {%- endif %}
{%- endfor %}"""
MACROS = """{%- macro json_to_python_type(json_spec) %}
    {%- set basic_type_map = {"string": "str", "number": "float", "integer": "int", "boolean": "bool"} %}
    {%- if basic_type_map[json_spec.type] is defined %}{{- basic_type_map[json_spec.type] }}
    {%- elif json_spec.type == "array" %}{{- "list[" + json_to_python_type(json_spec|items) + "]" }}
    {%- elif json_spec.type is iterable %}
        {{- "Union[" }}{%- for t in json_spec.type %}{{- json_to_python_type({"type": t}) }}
        {%- if not loop.last %}{{- "," }}{%- endif %}{%- endfor %}{{- "]" }}
    {%- else %}{{- "Any" }}{%- endif %}
{%- endmacro %}
{%- macro old_tool_parser(tools) %}{%- for tool in tools %}{%- if loop.index0 != 0 %}{{ '\\n\\n' }}{% endif %}
{{- '```python\\ndef ' + tool.name + '(' }}{%- for param_name, param_fields in tool.parameter_definitions|items %}
{%- if loop.index0 != 0 %}{{ ', ' }}{% endif -%}{{ param_name }}: {{ param_fields.type }}{%- endfor %}{{ ')' }}
{%- endfor %}{%- endmacro %}
{%- for message in messages %}{{ old_tool_parser(message.tools) }}{{ json_to_python_type(message.spec) }}{% endfor %}"""
NAMESPACES = """{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1, found=false) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string
        and not (message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}{%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- set content = message.content if message.content is string else '' %}
    {%- set reasoning_content = '' %}
    {%- if '</think>' in content %}
        {%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
        {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
    {%- endif %}
    {%- if loop.index0 > ns.last_query_index and (loop.last or reasoning_content) %}
        {{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning_content.strip('\\n') + '\\n</think>\\n\\n' }}
    {%- else %}{{- content }}{%- endif %}
{%- endfor %}
{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}"""
PARTS = """{% set image_count = namespace(value=0) %}{% for message in messages %}
{%- if loop.first and message['role'] != 'system' %}<|im_start|>system
You are a helpful assistant.<|im_end|>
{% endif %}<|im_start|>{{ message['role'] }}
{% if message['content'] is string %}{{ message['content'] }}<|im_end|>
{% else %}{% for content in message['content'] %}
{%- if content['type'] == 'image' or 'image' in content or 'image_url' in content %}
{%- set image_count.value = image_count.value + 1 %}{% if add_vision_id %}Picture {{ image_count.value }}: {% endif %}
{%- elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>
{% endif %}{% endfor %}"""
GENERATION = """{%- for message in messages %}{%- if message['role'] == 'assistant' %}{% generation %}
{{- message['content'] + eos_token }}{% endgeneration %}{%- else %}{{ message['content'] }}{%- endif %}
{%- if loop.index > 40 %}{% break %}{% endif %}{%- endfor %}"""
LISTS = """{%- set system = [] %}{%- for m in messages %}{%- if m.role == 'system' %}{% set _ = system.append(m.content) %}
{%- endif %}{%- endfor %}{%- do system.append('') %}{{ system | join('\\n') }}
{%- for group in messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | list %}{{ group }}{%- endfor %}
{%- for m in messages %}{{ roles[m.role] }}{{ m.get('name', '') }}{{ m['content'].replace('x', 'y').upper() }}{%- endfor %}
{{ messages | rejectattr('role', 'in', ['tool']) | list | length }}{{ {'a': 1}.items() | list | tojson }}"""
DOCUMENTS = """{%- if documents %}{% for document in documents %}{{ 'Document ' ~ loop.index ~ ': ' ~ document['title'] }}
{% for key, value in document.items() %}{{ key }}: {{ document[key] }}
{% endfor %}{% endfor %}{% endif %}{{ '%s: %d' | format('tokens', 3) }}{{ "{}".format(messages | length) }}"""

TEMPLATES = {
    "roles": ROLES,
    "alternating": ALTERNATING,
    "tools": TOOLS,
    "macros": MACROS,
    "namespaces": NAMESPACES,
    "parts": PARTS,
    "generation": GENERATION,
    "lists": LISTS,
    "documents": DOCUMENTS,
    "plain": "{{ prompt }}",
    "no template": "You are a helpful assistant.",
    "long": TOOLS + MACROS + NAMESPACES * 20,
}
