import './lib/locale'
import './app.css'
import { mount } from 'svelte'
import App from './App.svelte'
import { connect } from '$lib/backend'
import { theme } from '$lib/state/theme.svelte'

theme.apply()
const target = document.getElementById('app')
if (target) mount(App, { target, props: { backend: await connect() } })
